"""The recipes that begin from nothing are loaded and run for a few steps, killed on their way and continued."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny import kill, walks_on_after_a_kill, write_rows
from training.stages import load_recipe, train

pytestmark = pytest.mark.usefixtures("one_thread")
GUIDE = Path(__file__).parents[2] / "docs" / "guide"
SMALL: dict[str, Any] = {"steps": 4, "hidden": 32, "heads": 2, "layers": 1, "context": 32, "batch": 4, "log_every": 1}
SMALL |= {"evaluate_every": 2, "checkpoint_every": 2, "warmup_steps": 1, "sample_tokens": 2, "held_out": 0.2}
SMALL |= {"evaluate_blocks": 4, "dropout": 0.1}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paragraphs of our own guide."""
    pages = [(GUIDE / name).read_text(encoding="utf-8") for name in ("faq.md", "memory.md")]
    rows = [{"text": part} for page in pages for part in page.split("\n\n") if len(part) > 80]
    return write_rows(tmp_path_factory.mktemp("texts") / "texts.jsonl", rows)


@pytest.fixture(scope="module")
def tokenizers(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the recipe of tokenizers makes, a run of it killed after its report and begun anew."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSROADS_DATA", str(texts.parent))
        for kind in ("bpe", "wordpiece"):
            keys = {"data": [str(texts)], "kind": kind, "vocabulary": 400, "out": str(tmp_path_factory.mktemp(kind))}
            recipe = load_recipe("tokenizer", keys)
            kill(recipe, event="evaluation")
            assert not (recipe.folder / "version.json").exists()
            made[kind] = train(recipe, resume=True).folder
    return made


@pytest.fixture(autouse=True)
def data(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes name their data by this folder."""
    monkeypatch.setenv("CROSSROADS_DATA", str(texts.parent))


def test_a_tokenizer_made_after_a_kill_is_that_of_an_undisturbed_run(
    texts: Path, tokenizers: dict[str, Path], tmp_path: Path
) -> None:
    keys = {"data": [str(texts)], "kind": "bpe", "vocabulary": 400, "out": str(tmp_path / "run")}
    whole = train(load_recipe("tokenizer", keys))
    assert whole.version.metrics["round_trip"] == 1.0
    assert (whole.folder / "tokenizer.json").read_bytes() == (tokenizers["bpe"] / "tokenizer.json").read_bytes()


@pytest.mark.parametrize(("name", "kind"), [("pretrain-tiny-gpt", "bpe"), ("pretrain-tiny-bert", "wordpiece")])
def test_pretraining_runs(name: str, kind: str, texts: Path, tokenizers: dict[str, Path], tmp_path: Path) -> None:
    places = {"data": [str(texts)], "out": str(tmp_path / "run"), "tokenizer": str(tokenizers[kind])}
    recipe = load_recipe(name, {**SMALL, **places})
    train(recipe)
    walks_on_after_a_kill(recipe)
    words = itertools.product(("red", "old", "big"), ("cat", "dog", "fox"), ("road", "hill", "lake"))
    plain = [{"text": f"The {what} {who} runs over the {where} in the night. " * 4} for what, who, where in words]
    more = {"steps": 40, "learning_rate": 3e-3, "evaluate_every": 40, "checkpoint_every": 40, "data": [
        str(write_rows(tmp_path / "plain.jsonl", plain))
    ], "out": str(tmp_path / "longer")}  # fmt: skip
    learnt = train(load_recipe(name, {**SMALL, **places, **more})).version.metrics
    assert learnt["perplexity"] < 0.8 * learnt["perplexity_before"]


@pytest.mark.parametrize("method", ["logits", "on_policy"])
def test_distillation_runs(method: str, texts: Path, tiny: Path, tmp_path: Path) -> None:
    data = texts
    if method == "on_policy":
        data = write_rows(tmp_path / "prompts.jsonl", [{"text": f"red {number}"} for number in range(40)])
    places = {"data": [str(data)], "out": str(tmp_path / "run"), "teacher": str(tiny), "tokenizer": ""}
    recipe = load_recipe(
        "distil", {**SMALL, "kv_heads": 0, "accumulate": 1, "answer_tokens": 3, "method": method, **places}
    )
    assert train(recipe).version.parent == str(tiny)
    walks_on_after_a_kill(recipe)
