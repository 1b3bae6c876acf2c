"""The local embedding model against torch, and what a broken one says."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from assistant.config import Settings, load_settings
from assistant.knowledge.embedding import LocalEmbeddings
from graphs.errors import ModelError

TEXTS = [
    "How long is the warranty?",
    "",
    "Der Zähler läuft. 保証は二年です。",
    "word " * 600,
    *(f"Sentence {number} about retrieval. " * number for number in range(1, 24)),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    from assistant.models import folder_of

    found = folder_of("all-minilm-l6-v2", load_settings())
    if not (found / "crossroads.json").is_file():
        pytest.skip(f"no embedding model in {found}; `crossroads models pull` gets it")
    return found


@pytest.fixture(scope="module")
def embeddings(folder: Path) -> LocalEmbeddings:
    return LocalEmbeddings(folder, load_settings({"models.device": "cpu"}))


@pytest.mark.models
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_vectors_are_those_of_torch(folder: Path, embeddings: LocalEmbeddings) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    weights = batch["attention_mask"].unsqueeze(-1).float()
    reference = torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1).numpy()
    assert (embeddings.embed(TEXTS) * reference).sum(axis=1).min() >= 0.99


@pytest.mark.models
def test_vectors_have_unit_length(embeddings: LocalEmbeddings) -> None:
    assert np.allclose(np.linalg.norm(embeddings.embed(TEXTS), axis=1), 1.0, atol=1e-5)


@pytest.mark.models
def test_the_batch_does_not_change_a_vector(embeddings: LocalEmbeddings) -> None:
    together = embeddings.embed(TEXTS)
    alone = np.array([embeddings.embed_query(text) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() > 0.9999


@pytest.mark.models
def test_threads_get_their_own_vectors(embeddings: LocalEmbeddings) -> None:
    expected, found = embeddings.embed(TEXTS), {}

    def work(index: int) -> None:
        found[index] = embeddings.embed(TEXTS[index : index + 3])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(found[index], expected[index : index + 3], atol=1e-3) for index in range(8))


@pytest.mark.models
def test_token_starts_measure_a_text_of_any_length(embeddings: LocalEmbeddings) -> None:
    assert list(embeddings.token_starts("It lasts\nlong")) == [0, 3, 9]
    long = "it lasts \n" * 80_000
    starts = embeddings.token_starts(long)
    assert (len(starts), long[starts[-1] :]) == (160_000, "lasts \n")


@pytest.mark.models
def test_torch_is_not_imported(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from assistant.config import load_settings\n"
        "from assistant.knowledge.embedding import LocalEmbeddings\n"
        "settings = load_settings({'models.device': 'cpu'})\n"
        f"LocalEmbeddings(Path({str(folder)!r}), settings).embed_query('hello')\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout.split() == ["False", "False"]


@pytest.mark.models
def test_a_cut_cache_is_made_again(folder: Path, tmp_path: Path) -> None:
    settings = load_settings({"models.device": "cpu", "cache": str(tmp_path)})
    first = LocalEmbeddings(folder, settings).embed_query("hello")
    (blob,) = (tmp_path / "engines").iterdir()
    blob.write_bytes(blob.read_bytes()[:1000])
    assert np.allclose(LocalEmbeddings(folder, settings).embed_query("hello"), first, atol=1e-5)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no embedding model"):
        LocalEmbeddings(tmp_path, Settings())


def test_a_model_without_its_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 8, "model_type": "bert"}))
    with pytest.raises(ModelError, match="does not load"):
        LocalEmbeddings(tmp_path, Settings()).embed_query("hello")
