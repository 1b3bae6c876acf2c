"""The reader's recipe, its report, and a whole tiny run: killed, continued, ended by the clock."""

from __future__ import annotations

import gzip
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from eval.squad import Judged
from graphs.errors import Cancelled, SettingsError, TrainingError
from tests.training.tiny import ended, forked
from training.reader.data import Row
from training.reader.reading import Found
from training.reader.recipe import ReaderRecipe, load_recipe
from training.reader.report import Read, calibrate, cross_judged, squad_report, with_interval
from training.run import Run

RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "reader.yaml"


def _read(number: int, answerable: bool, judged: float) -> Read:
    row = Row("q", f"context {number}", 0, 7 if answerable else 0, "dev", answers=("context",) if answerable else ())
    return Read(row, Found(0, 0, -1.0, judged), "context")


READS = [_read(n, n % 2 == 0, (1.0 if n % 2 == 0 else -1.0) + 0.01 * (n % 7)) for n in range(80)]


def test_the_recipe_in_the_repository_loads() -> None:
    assert load_recipe(RECIPE, {"steps": 5}).steps == 5


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="stepz"):
        load_recipe(RECIPE, {"stepz": 5})


def test_calibration_puts_the_bar_between_the_two_kinds() -> None:
    calibration = calibrate(READS)
    chances = [(calibration.chance(read.found), read.row.answerable) for read in READS]
    assert all((chance >= 0.5) == answerable for chance, answerable in chances)


def test_rows_are_judged_by_the_other_half() -> None:
    report = squad_report(cross_judged(READS))
    assert (report["f1"]["value"], report["kept"]["value"], report["refused"]["value"]) == (100.0, 100.0, 100.0)
    assert (report["n"], report["impossible"]) == (80, 40)


def test_intervals_hold_the_value_and_are_wider_where_rows_hang_together() -> None:
    alone = [Judged("x", 1.0, ("x",) if n % 2 else ("y",), f"g{n}") for n in range(100)]
    together = [Judged("x", 1.0, ("x",) if n // 10 % 2 else ("y",), f"g{n // 10}") for n in range(100)]

    def share(rows: object) -> float:
        return 100.0 * sum(row.answers == ("x",) for row in rows) / len(rows)  # type: ignore[attr-defined, arg-type]

    narrow, wide = with_interval(alone, share), with_interval(together, share)
    assert narrow["low"] < narrow["value"] == 50.0 < narrow["high"]
    assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])


def _several(number: int) -> dict[str, object]:
    """A question over three passages; the first answers it."""
    texts = [" ".join(f"w{(number + 20 * part + place) % 60}" for place in range(12)) for part in range(3)]
    return {
        "id": f"several-{number}",
        "question": f"who is {texts[0].split()[5]}",
        "passages": [{"title": f"t{part}", "text": text} for part, text in enumerate(texts)],
        "answers": [texts[0].split()[3]],
        "gold": [0],
        "is_impossible": False,
        "answer_in_distractors": False,
        "yes_no": False,
    }


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReaderRecipe:
    """A recipe over made-up data and a two-layer encoder of 16 dimensions."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel

    words = ["[PAD]", *[f"[u{n}]" for n in range(1, 101)], "[CLS]", "[SEP]"]
    words += [f"w{n}" for n in range(60)] + ["who", "when", "is", "[UNK]"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))  # type: ignore[arg-type, call-arg]
    tokenizer.pre_tokenizer = Whitespace()  # type: ignore[assignment]
    base = tmp_path / "base"
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(base)
    tokenizer.save(str(base / "tokenizer.json"))
    data = tmp_path / "data"
    data.mkdir()
    files = ("squad_train", "qa_extractive_train", "qa_unanswerable_derived", "rc_extra_train", "squad_dev")
    with gzip.open(data / "qa_multi_passage_train.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(_several(number)) + "\n" for number in range(12))
    for file in files:
        with gzip.open(data / f"{file}.jsonl.gz", "wt", encoding="utf-8") as lines:
            for n in range(24):
                context = " ".join(f"w{(n + place) % 60}" for place in range(20))
                impossible = file == "qa_unanswerable_derived" or (file.startswith("squad") and n % 2 == 1)
                asked = "when" if file == "squad_dev" else "who"
                row = {
                    "question": f"{asked} is w{n} {n}",
                    "context": context,
                    "title": "t",
                    "is_impossible": impossible,
                }
                row |= {"answers": [] if impossible else [context.split()[3]], "answer_in_context": True}
                lines.write(json.dumps(row) + "\n")
    monkeypatch.setenv("CROSSROADS_DATA", str(data))
    small: dict[str, Any] = {"near_negatives": 4, "perturbed": 4, "max_tokens": 64, "batch_tokens": 400, "workers": 1}
    small |= {"warmup_steps": 2, "steps": 12, "minutes": 0, "cooldown": 0.2, "checkpoint_every": 4, "evaluate_every": 6}
    small |= {"evaluate_rows": 8, "repeats.squad_answerable": 1.0, "repeats.squad_impossible": 3.0}
    return load_recipe(RECIPE, {**small, "base": str(base), "out": str(tmp_path / "out")})


def _weights(recipe: ReaderRecipe) -> dict[str, object]:
    from safetensors.torch import load_file

    found = load_file(str(recipe.out / "checkpoint.safetensors"))
    return {name: value for name, value in found.items() if name.startswith("weight/")}


def test_a_run_killed_and_continued_ends_where_a_whole_run_does(
    tiny: ReaderRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.reader.train import _Run, train_reader

    whole = tiny.model_copy(update={"out": tiny.out / "whole", "cooldown": 0.0})
    train_reader(whole, lambda _: None)
    parts = tiny.model_copy(update={"out": tiny.out / "parts", "cooldown": 0.0})
    step = _Run._step

    def killing(self: _Run, batch: Any) -> None:
        step(self, batch)
        if self.progress.step == 10:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(_Run, "_step", killing)
        assert ended(forked(lambda: train_reader(parts, lambda _: None))) == -signal.SIGKILL
    said: list[str] = []
    record = train_reader(parts, said.append)
    assert "continuing at step 8" in said
    assert record["steps"] == 12
    one, other = _weights(whole), _weights(parts)
    assert all(torch.equal(one[name], other[name]) for name in one)  # type: ignore[arg-type]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(
    tiny: ReaderRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.reader import train as module

    plain, step = module.losses, module._Run._step
    spoil = False

    def losses(*given: Any) -> tuple[torch.Tensor, torch.Tensor]:
        span, judged = plain(*given)
        return (span * float("nan") if spoil else span), judged

    def spoiling(self: Any, batch: Any) -> None:
        nonlocal spoil
        spoil = self.progress.step == 5
        step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(module, "losses", losses)
        patch.setattr(module._Run, "_step", spoiling)
        with pytest.raises(TrainingError, match=r"step 6 is no number.*checkpoint\.safetensors, is kept"):
            module.train_reader(tiny, lambda _: None)
    assert all(torch.isfinite(value).all() for value in _weights(tiny).values())  # type: ignore[call-overload]
    said: list[str] = []
    assert module.train_reader(tiny, said.append)["steps"] == 12
    assert "continuing at step 4" in said


def test_memory_that_runs_out_cuts_the_batch_into_smaller_passes(
    tiny: ReaderRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.reader import train as module

    plain = module.losses

    def greedy(network: Any, part: Any) -> Any:
        if len(part) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return plain(network, part)

    monkeypatch.setattr(module, "losses", greedy)
    said: list[str] = []
    assert module.train_reader(tiny.model_copy(update={"steps": 2}), said.append)["steps"] == 2
    assert any("passes to a batch" in line for line in said)


def test_it_says_what_it_will_take_and_a_request_to_stop_is_heard(tiny: ReaderRecipe) -> None:
    from training.reader.train import train_reader

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "step":
            run.stop.set()

    recipe = tiny.model_copy(update={"steps": 40, "evaluate_rows": 0})
    with Run(recipe, listeners=[stop]) as run, pytest.raises(Cancelled, match="step 25"):
        train_reader(recipe, run.note, run)
    assert run.events("estimate")[0]["memory"] > 0
    assert run.events("step")[0]["steps"] == 40
    assert run.events("step")[0]["tokens_per_second"] > 0
    said: list[str] = []
    train_reader(recipe.model_copy(update={"steps": 26}), said.append)
    assert "continuing at step 25" in said


def test_word_embeddings_stay_those_of_the_base_and_are_not_saved(tiny: ReaderRecipe) -> None:
    from training.reader.model import FROZEN
    from training.reader.train import train_reader

    train_reader(tiny, lambda _: None)
    assert f"weight/{FROZEN}" not in _weights(tiny)
    assert f"weight/{FROZEN.replace('word', 'position')}" in _weights(tiny)


def test_a_run_past_its_deadline_cools_down_and_ends_early(tiny: ReaderRecipe) -> None:
    from training.reader.train import train_reader

    late = tiny.model_copy(update={"steps": 100_000, "minutes": 0.005, "evaluate_rows": 0})
    record = train_reader(late, lambda _: None)
    assert record["cooldown_step"] >= 0
    assert record["steps"] < 100_000


def test_two_workers_learn_as_one_does(tiny: ReaderRecipe) -> None:
    import torch

    from training.reader.train import train_reader

    runs = [tiny.model_copy(update={"workers": n, "dropout": 0.0, "out": tiny.out / str(n)}) for n in (1, 2)]
    records = [train_reader(run, lambda _: None) for run in runs]
    assert records[0]["examples"] == records[1]["examples"]
    one, two = (_weights(run)["weight/span.weight"] for run in runs)
    assert torch.allclose(one, two, atol=5e-3)  # type: ignore[arg-type]


def test_the_data_folder_must_be_named(tiny: ReaderRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.reader.train import train_reader

    monkeypatch.setenv("CROSSROADS_DATA", "nowhere")
    with pytest.raises(SettingsError, match="'nowhere'"):
        train_reader(tiny, lambda _: None)


def test_questions_over_several_passages_are_split_once_and_for_all(tiny: ReaderRecipe) -> None:
    from training.reader.data import data_folder, multi_passage_records, multi_passage_rows

    used, held = (multi_passage_records(data_folder(), held_out=side) for side in (False, True))
    assert len(used) + len(held) == 12
    assert not {record["id"] for record in used} & {record["id"] for record in held}
    rows = multi_passage_rows(used)
    assert all(row and row.answerable for row in rows["multi_gold"])
    assert len(rows["multi_noise"]) == 2 * len(used)


def test_a_second_stage_begins_with_the_weights_of_the_first(tiny: ReaderRecipe, tmp_path: Path) -> None:
    from training.reader.train import train_reader

    train_reader(tiny.model_copy(update={"steps": 4}), lambda _: None)
    said: list[str] = []
    second = tiny.model_copy(update={"start": tiny.out, "out": tmp_path / "second", "steps": 1, "learning_rate": 1e-12})
    train_reader(second, said.append)
    assert any(str(tiny.out) in line for line in said)
    before, after = _weights(tiny), _weights(second)
    assert all((before[name] - after[name]).abs().max() < 1e-6 for name in after if name.startswith("weight/"))  # type: ignore[operator]


def test_the_mean_of_two_runs_is_a_run_of_no_steps(tiny: ReaderRecipe, tmp_path: Path) -> None:
    from training.reader.train import train_reader

    other = tiny.model_copy(update={"out": tmp_path / "other", "seed": tiny.seed + 1})
    for recipe in (tiny, other):
        train_reader(recipe.model_copy(update={"steps": 2}), lambda _: None)
    mean = tiny.model_copy(update={"start": (tiny.out, other.out), "out": tmp_path / "mean", "steps": 0})
    train_reader(mean, lambda _: None)
    one, two, both = _weights(tiny), _weights(other), _weights(mean)
    assert any((one[name] - two[name]).abs().max() > 1e-5 for name in both)  # type: ignore[operator]
    assert all(((one[name] + two[name]) / 2 - both[name]).abs().max() < 1e-6 for name in both)  # type: ignore[operator]


def test_bf16_learns_what_fp32_learns(tiny: ReaderRecipe, tmp_path: Path) -> None:
    from training.reader.train import train_reader

    rounded = tiny.model_copy(update={"out": tmp_path / "rounded", "precision": "bf16"})
    for recipe in (tiny, rounded):
        train_reader(recipe.model_copy(update={"steps": 3}), lambda _: None)
    exact, near = _weights(tiny), _weights(rounded)
    moved = max(float((exact[name] - near[name]).abs().max()) for name in near)  # type: ignore[operator]
    assert 0 < moved < 0.05
    assert all(value.dtype == exact[name].dtype for name, value in near.items())  # type: ignore[union-attr]
