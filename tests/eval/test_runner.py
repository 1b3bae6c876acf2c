"""The runner: failures stay in the denominator, unchanged reruns ask nobody, interrupted runs continue."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from eval.cache import Cache
from eval.record import SampleRecord, read_run, read_sample_records
from eval.runner import check_samples, recorded_suite
from eval.sample import Sample, Score
from eval.scorers.base import Tools
from eval.scorers.exact_match import ExactMatch
from graphs.errors import ModelError, UsageError
from tests.eval.fakes import FunctionTarget, dataset, hang, run, suite

TEN = [Sample(id=f"s{number}", input=f"Say {number}", target=str(number)) for number in range(10)]


def right(sample: Sample, seed: int) -> str:
    return str(sample.target)


def test_a_run_is_written_down_whole(tmp_path: Path) -> None:
    record = run(tmp_path / "out", suite("exact_match", "f1"), dataset(TEN), FunctionTarget(right)).start()
    assert read_run(tmp_path / "out") == record
    assert (record.status, record.n, record.failed) == ("finished", 10, 0)
    assert record.metrics["exact_match"].value == 1.0
    assert record.metrics["exact_match"].low == pytest.approx(0.6915, abs=1e-4)
    assert record.data["sha256"]
    assert record.versions["python"]
    assert record.machine["cores"]
    assert [item.sample.id for item in read_sample_records(tmp_path / "out")] == [sample.id for sample in TEN]


def test_a_failed_sample_stays_in_the_denominator(tmp_path: Path) -> None:
    def half(sample: Sample, seed: int) -> str:
        if int(sample.id[1:]) % 2:
            raise RuntimeError("it is unplugged.")
        return right(sample, seed)

    record = run(tmp_path, suite("exact_match", "f1"), dataset(TEN), FunctionTarget(half)).start()
    assert (record.failed, record.metrics["exact_match"].n, record.metrics["f1"].n) == (5, 10, 10)
    assert record.metrics["exact_match"].value == record.metrics["f1"].value == 0.5
    failed = [item for item in read_sample_records(tmp_path) if item.output.failed]
    assert failed[0].output.error == {"type": "model", "message": "it is unplugged.", "cure": "Plug it in."}


def test_an_unchanged_rerun_asks_nobody(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache.db") as cache:
        first = run(tmp_path / "1", suite("f1"), dataset(TEN), FunctionTarget(right), cache).start()
    again = FunctionTarget(right)
    with Cache(tmp_path / "cache.db") as cache:
        second = run(tmp_path / "2", suite("f1"), dataset(TEN), again, cache).start()
    assert again.asked == []
    assert (first.cached, second.cached) == (0, 10)
    assert first.metrics == second.metrics


@pytest.mark.parametrize("what", ["model", "sample", "seed"])
def test_what_changed_is_asked_again(what: str, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache.db") as cache:
        run(tmp_path / "1", suite("f1"), dataset(TEN), FunctionTarget(right), cache).start()
        target = FunctionTarget(right, identity="2" if what == "model" else "1")
        changed = [TEN[0].model_copy(update={"input": "Say nought"})] if what == "sample" else []
        made = suite("f1", seed=1) if what == "seed" else suite("f1")
        run(tmp_path / "2", made, dataset([*changed, *TEN[len(changed) :]]), target, cache).start()
    assert len(target.asked) == (1 if what == "sample" else 10)


def test_an_interrupted_run_continues(tmp_path: Path) -> None:
    stop = threading.Event()

    def three(sample: Sample, seed: int) -> str:
        if sample.id == "s2":
            stop.set()
        return right(sample, seed)

    with Cache(tmp_path / "cache.db") as cache:
        record = run(tmp_path / "out", suite("f1"), dataset(TEN), FunctionTarget(three), cache, cancel=stop).start()
        assert (record.status, record.n) == ("interrupted", 3)
        rest = FunctionTarget(right)
        record = run(tmp_path / "out", suite("f1"), dataset(TEN), rest, cache).start()
    assert rest.asked == [f"s{number}" for number in range(3, 10)]
    assert (record.status, record.n, record.cached) == ("finished", 10, 3)


def test_failures_are_not_kept(tmp_path: Path) -> None:
    def broken(sample: Sample, seed: int) -> str:
        raise RuntimeError("down")

    with Cache(tmp_path / "cache.db") as cache:
        run(tmp_path / "1", suite("f1"), dataset(TEN[:3]), FunctionTarget(broken), cache).start()
        target = FunctionTarget(right)
        assert run(tmp_path / "2", suite("f1"), dataset(TEN[:3]), target, cache).start().failed == 0
    assert len(target.asked) == 3


def test_a_target_that_is_not_there_is_not_asked_for_ever(tmp_path: Path) -> None:
    def broken(sample: Sample, seed: int) -> str:
        raise RuntimeError("down")

    many = [Sample(id=str(number), input="?", target="x") for number in range(50)]
    target = FunctionTarget(broken)
    record = run(tmp_path, suite("f1"), dataset(many), target).start()
    assert len(target.asked) == 10
    assert (record.n, record.failed, record.metrics["f1"].n) == (50, 50, 50)


def test_a_target_that_cannot_be_had_fails_every_sample(tmp_path: Path) -> None:
    class Unplugged(FunctionTarget):
        def prepare(self) -> None:
            raise ModelError("The model is unplugged.", "Plug it in.")

    target = Unplugged(right)
    record = run(tmp_path, suite("exact_match"), dataset(TEN), target).start()
    assert (record.failed, record.metrics["exact_match"].value, target.asked) == (10, 0.0, [])
    error = read_sample_records(tmp_path)[0].output.error
    assert error == {"type": "not_asked", "message": "Not asked: The model is unplugged.", "cure": "Plug it in."}


def test_a_target_that_hangs_fails_in_time(tmp_path: Path) -> None:
    target = FunctionTarget(lambda sample, seed: hang(5) if sample.id == "s1" else right(sample, seed))
    record = run(tmp_path, suite("f1", timeout=0.2), dataset(TEN[:3]), target).start()
    errors = [item.output.error for item in read_sample_records(tmp_path)]
    assert [error and error["type"] for error in errors] == [None, "timeout", None]
    assert record.failed == 1


def test_samples_go_in_batches_and_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=10)

    def meet(sample: Sample, seed: int) -> str:
        if sample.id in {"s0", "s4"}:
            together.wait()  # breaks unless two batches are under way at once
        return right(sample, seed)

    target = FunctionTarget(meet, batch=4, concurrency=2)
    record = run(tmp_path, suite("exact_match"), dataset(TEN), target).start()
    assert sorted(target.batches) == [2, 4, 4]
    assert record.metrics["exact_match"].value == 1.0


def test_progress_tells_how_long_it_will_take(tmp_path: Path) -> None:
    told: list[Any] = []
    run(tmp_path, suite("f1"), dataset(TEN), FunctionTarget(right), on_progress=told.append).start()
    assert [step.done for step in told] == list(range(11))
    assert told[5].left >= 0
    assert told[-1].left == 0


def test_repeats_show_the_spread_and_pass_hat_k(tmp_path: Path) -> None:
    def sometimes(sample: Sample, seed: int) -> str:
        return right(sample, seed) if seed == 0 or int(sample.id[1:]) < 5 else "no"

    record = run(tmp_path, suite("exact_match", repeats=2), dataset(TEN), FunctionTarget(sometimes)).start()
    found = record.metrics["exact_match"]
    assert (found.n, found.clusters, found.value) == (20, 10, 0.75)
    assert found.stability["pass^1"] == 0.75
    assert found.stability["pass^2"] == 0.5
    assert found.stability["spread"] == pytest.approx(0.5 / 2**0.5)


def test_a_score_that_is_no_number_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExactMatch, "score", lambda *_: Score(value=float("nan")))
    with pytest.raises(UsageError, match=r"made.jsonl, line 1: the scorer 'exact_match' gave nan for sample 's0'"):
        run(tmp_path, suite("exact_match"), dataset(TEN), FunctionTarget(right)).start()


def test_without_a_judge_its_figures_are_missing(tmp_path: Path) -> None:
    record = run(tmp_path, suite("f1", "judge"), dataset(TEN), FunctionTarget(right)).start()
    assert "No judge is set" in record.missing["judge"]
    assert "judge" not in record.metrics
    assert record.metrics["f1"].value == 1.0


@pytest.mark.parametrize(("fails", "missing"), [(1, False), (5, True)])
def test_a_judge_that_fails_does_not_raise_the_figure(fails: int, missing: bool, tmp_path: Path) -> None:
    def judged(prompt: str) -> str:
        if any(f"Say {number}" in prompt for number in range(fails)):
            raise ModelError("The judge is down.", "Start it.")
        return '{"score": 5, "reason": "right"}'

    tools = Tools(judge=judged, judge_name="fake:judge")
    record = run(tmp_path, suite("judge"), dataset(TEN), FunctionTarget(right), tools=tools).start()
    assert ("judge" in record.missing) == missing
    if not missing:
        assert (record.metrics["judge"].value, record.metrics["judge"].n) == (0.9, 10)


def test_a_run_is_repeated_from_its_record(tmp_path: Path) -> None:
    data = dataset(TEN, ["a"] * 5 + ["b"] * 5)
    first = run(tmp_path / "1", suite("f1", seed=7), data, FunctionTarget(right)).start()
    made, again = recorded_suite(tmp_path / "1")
    second = run(tmp_path / "2", made, again, FunctionTarget(right)).start()
    assert (second.data["sha256"], second.seed, second.metrics) == (first.data["sha256"], 7, first.metrics)


def test_an_unfinished_run_is_not_repeated(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    run(tmp_path, suite("f1"), dataset(TEN), FunctionTarget(right), cancel=stop).start()
    with pytest.raises(UsageError, match="did not finish"):
        recorded_suite(tmp_path)


def test_a_scorer_that_applies_to_nothing_is_refused() -> None:
    asked = dataset([Sample(id="a", input="?", metadata={"answer": "x"})])
    with pytest.raises(UsageError, match="'f1' applies to no sample") as raised:
        check_samples(suite("f1"), asked)
    assert "metadata.answer" in raised.value.cure


def test_a_row_a_scorer_cannot_judge_is_named() -> None:
    rows = [Sample(id="a", input="?", target="3"), Sample(id="b", input="?", target="three")]
    with pytest.raises(UsageError, match=r"line 2: the scorer 'numeric' cannot judge this: the target 'three'"):
        check_samples(suite("numeric"), dataset(rows))


def test_records_are_seen_as_they_come(tmp_path: Path) -> None:
    seen: list[SampleRecord] = []

    def look(sample: Sample, seed: int) -> str:
        if sample.id == "s9":
            lines = (tmp_path / "samples.jsonl").read_text(encoding="utf-8").splitlines()
            assert [json.loads(line)["sample"]["id"] for line in lines] == [f"s{number}" for number in range(9)]
        return right(sample, seed)

    run(tmp_path, suite("f1"), dataset(TEN), FunctionTarget(look), on_sample=seen.append).start()
    assert len(seen) == 10
