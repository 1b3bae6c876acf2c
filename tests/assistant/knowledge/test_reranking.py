"""The reranker's loader, with a cross-encoder small enough to make here."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.knowledge.reranking import CrossEncoder, open_reranker
from graphs.errors import ModelError, NotFoundError
from tests.assistant.knowledge.shelf import open_shelf

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "how", "long", "warranty", "two", "years", "roses"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with random weights that judges pairs by one logit."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    made = tmp_path_factory.mktemp("reranker")
    (made / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=1, initializer_range=1.0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(made)
    BertTokenizerFast(str(made / "vocab.txt")).save_pretrained(made)
    return made


def settings(home: Path, reranker: str) -> Settings:
    return Settings(home=home, models={"device": "cpu"}, knowledge={"reranker": reranker})


def test_none_is_opened_where_none_is_named(home: Path) -> None:
    assert open_reranker(settings(home, "")) is None


@pytest.mark.parametrize("prefix", ["", "hf:"])
def test_a_folder_is_loaded_at_its_first_use(home: Path, folder: Path, prefix: str) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    reranker = open_reranker(settings(home, f"{prefix}{folder}"))
    assert reranker
    assert reranker._loaded is None
    texts = ["two years", "roses", "warranty " * 200]

    found = reranker.score("how long warranty", texts)

    tokenizer, model = (kind.from_pretrained(folder) for kind in (AutoTokenizer, AutoModelForSequenceClassification))
    with torch.inference_mode():
        pairs = tokenizer("how long warranty", "two years", return_tensors="pt")
        alone = float(model.eval()(**pairs).logits[0, 0])
    assert found[0] == pytest.approx(alone, abs=1e-4), "padding beside longer texts changes nothing"
    assert len(found) == 3
    assert found[0] != pytest.approx(found[1], abs=1e-3)
    assert reranker.score("how long warranty", []) == []


def test_more_texts_than_a_batch_keep_their_order(folder: Path) -> None:
    texts = [" ".join(WORDS[4 : 5 + number % 6]) for number in range(40)]
    reranker = CrossEncoder(str(folder))

    assert reranker.score("how", texts) == pytest.approx([reranker.score("how", [text])[0] for text in texts], abs=1e-4)


def test_a_home_that_names_one_finds_in_its_order(home: Path, folder: Path, tmp_path: Path) -> None:
    files = {f"{number}.txt": " ".join(WORDS[4 : 5 + number]) for number in range(6)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    question = "how long warranty"
    with open_shelf(home, reranker=f"hf:{folder}") as shelf:
        shelf.ingest([tmp_path])
        found = [hit.chunk.text for hit in shelf.search(question, k=6)]
    judge = CrossEncoder(str(folder))
    scores = dict(zip(found, judge.score(question, found), strict=True))

    assert len(found) > 2
    assert found == sorted(found, key=lambda text: -scores[text])
    assert len({round(score, 4) for score in scores.values()}) > 1


def test_a_folder_without_a_model_is_named_with_a_cure(home: Path, tmp_path: Path) -> None:
    reranker = open_reranker(settings(home, str(tmp_path)))
    assert reranker

    with pytest.raises(ModelError, match=tmp_path.name) as caught:
        reranker.score("?", ["text"])

    assert "knowledge.reranker" in caught.value.cure


def test_a_local_name_without_a_live_version_is_refused(home: Path) -> None:
    with pytest.raises(NotFoundError, match="'judge'"):
        open_reranker(settings(home, "local:judge"))
