"""The recipes that begin from nothing are loaded and run for a few steps, killed on their way and continued."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import SettingsError
from tests.training.tiny import ends_where_the_loss_is_no_number, kill, losses, walks_on_after_a_kill, write_rows
from training.recipe import Recipe
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


@pytest.mark.parametrize(("name", "kind"), [("pretrain-tiny-gpt", "bpe"), ("pretrain-tiny-bert", "wordpiece")])
def test_pretraining_ends_where_the_loss_is_no_number(
    name: str, kind: str, texts: Path, tokenizers: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"data": [str(texts)], "out": str(tmp_path / "run"), "tokenizer": str(tokenizers[kind])}
    ends_where_the_loss_is_no_number(load_recipe(name, {**SMALL, **places}), monkeypatch)


@pytest.mark.parametrize("method", ["logits", "on_policy"])
def test_distillation_runs(method: str, texts: Path, tiny: Path, tmp_path: Path) -> None:
    recipe = taught(method, texts, tiny, tmp_path)
    events: list[dict[str, Any]] = []
    assert train(recipe, listeners=[events.append]).version.parent == str(tiny)
    estimate = next(event for event in events if event["event"] == "estimate")
    assert min(estimate["seconds"], estimate["memory"], estimate["disk"]) > 0
    walks_on_after_a_kill(recipe)


@pytest.mark.parametrize("method", ["logits", "on_policy"])
def test_distillation_ends_where_the_loss_is_no_number(
    method: str, texts: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_where_the_loss_is_no_number(taught(method, texts, tiny, tmp_path), monkeypatch)


def test_on_policy_distillation_goes_on_with_half_the_batch_where_memory_runs_out(
    texts: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    plain = trl.DistillationTrainer.compute_loss

    def greedy(self: Any, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        if len(inputs["prompt_ids"]) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return plain(self, model, inputs, *given, **named)

    monkeypatch.setattr(trl.DistillationTrainer, "compute_loss", greedy)
    said: list[str] = []
    recipe = taught("on_policy", texts, tiny, tmp_path)
    train(recipe, listeners=[lambda event: said.append(str(event.get("text")))])
    assert any("batch 2, accumulation 2" in text for text in said)
    assert list(losses(recipe.folder)) == [1, 2, 3, 4]


def test_patience_without_held_out_text_is_refused(texts: Path, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="patience"):
        taught("on_policy", texts, tiny, tmp_path, patience=2)


def taught(method: str, texts: Path, tiny: Path, folder: Path, **keys: Any) -> Recipe:
    """The recipe of distillation, cut to four steps on tiny models."""
    data = texts
    if method == "on_policy":
        data = write_rows(folder / "prompts.jsonl", [{"text": f"red {number}"} for number in range(40)])
    places = {"data": [str(data)], "out": str(folder / "run"), "teacher": str(tiny), "tokenizer": ""}
    small = {**SMALL, "kv_heads": 0, "accumulate": 1, "answer_tokens": 3, "method": method}
    return load_recipe("distil", {**small, **places, **keys})
