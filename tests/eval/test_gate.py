"""The gate holds: it fails what got worse, passes what did not, and gives no verdict where there is none to give."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from eval.gate import RunWithSamples, Verdict, judge, judge_folders
from eval.record import RunRecord, SampleRecord
from eval.sample import Sample, Score
from eval.suite import Suite
from eval.summary import summarise
from eval.target import Output
from eval.verdicts import FORMATS
from graphs.answer import PromptRef
from graphs.errors import UsageError
from tests.eval.fakes import answer, suite

PLAIN = suite("exact_match")
SAID = Output(text="x")


def made(
    values: Sequence[float],
    of: Suite = PLAIN,
    groups: Sequence[str] | None = None,
    *,
    summed: bool = True,
    **changes: object,
) -> RunWithSamples:
    """A finished run whose scores are these, for every scorer of the suite; without figures if not `summed`."""
    names = groups or [str(number) for number in range(len(values))]
    scorers = of.made_scorers()
    samples = [
        SampleRecord.model_construct(
            sample=Sample.model_construct(id=str(number), input="?", target="x", contexts=None, metadata={}),
            group=names[number],
            output=SAID,
            repeat=0,
            scores={scorer.name: Score(value=value, metadata={"recall": value}) for scorer in scorers},
        )
        for number, value in enumerate(values)
    ]
    record = RunRecord(
        run_id="r", suite=of.name, status="finished", started="", n=len(values), definition=of.model_dump(mode="json"),
        data={"sha256": "d", "source": "made.jsonl"}, metrics=summarise(scorers, samples) if summed else {},
    )  # fmt: skip
    return RunWithSamples(record.model_copy(update=changes), samples)


def test_a_bar_that_is_reached_passes() -> None:
    verdict = judge(made([1.0] * 20 + [0.0] * 5, suite("exact_match", thresholds={"exact_match": 0.8})))
    assert (verdict.verdict, verdict.exit_code) == ("pass", 0)


def test_a_bar_that_is_missed_fails() -> None:
    verdict = judge(made([1.0] * 19 + [0.0] * 6, suite("exact_match", thresholds={"exact_match": 0.8})))
    assert (verdict.verdict, verdict.exit_code) == ("fail", 1)
    assert "is below 0.8 (by less than 25 samples can tell)" in verdict.reasons[0]
    verdict = judge(made([0.0] * 25, suite("exact_match", thresholds={"exact_match": 0.8})))
    assert verdict.reasons == ["exact_match 0.000 [0.000, 0.137] is below 0.8."]


def test_a_maximum_is_a_bar_too() -> None:
    assert judge(made([1.0] * 25, suite("exact_match", thresholds={"exact_match": {"max": 0.5}}))).verdict == "fail"


NONE = {
    "too few samples": ([1.0] * 5, {}, "has 5 samples; a verdict needs 20"),
    "too many failures": ([1.0] * 30, {"failed": 4}, "4 of 30 samples"),
    "unfinished": ([1.0] * 30, {"status": "interrupted"}, "is interrupted, not finished"),
    "judge missing": ([1.0] * 30, {"missing": {"exact_match": "No judge is set."}}, "could not be measured: No judge"),
}


@pytest.mark.parametrize("case", NONE)
def test_without_grounds_there_is_no_verdict(case: str) -> None:
    values, changes, said = NONE[case]
    verdict = judge(made(values, suite("exact_match", thresholds={"exact_match": 0.5}), **changes))
    assert (verdict.verdict, verdict.exit_code) == ("none", 2)
    assert said in " ".join(verdict.reasons)


def test_nothing_judged_is_no_pass() -> None:
    assert judge(made([1.0] * 30)).verdict == "none"


def test_a_baseline_of_other_data_is_refused() -> None:
    other = made([1.0] * 40)
    samples = [item.model_copy(update={"sample": Sample(id=item.sample.id, input="!")}) for item in other.samples]
    verdict = judge(made([1.0] * 40), RunWithSamples(other.record, [*samples[:5], *other.samples[5:]]))
    assert verdict.verdict == "none"
    assert "other data: 35 of 40 samples" in verdict.reasons[0]
    assert judge(made([1.0] * 40), RunWithSamples(other.record, [*samples[:4], *other.samples[4:]])).verdict == "pass"


def test_a_baseline_judged_otherwise_is_refused() -> None:
    now, before = made([1.0] * 30, scorers={"exact_match": "2"}), made([1.0] * 30, scorers={"exact_match": "1"})
    assert "judges otherwise" in judge(now, before).reasons[0]


def through(prompt: str, uses: int, sha256: str, of: Suite) -> RunWithSamples:
    """A run of forty samples, so many of them answered through a prompt of that hash."""
    found = made([1.0] * 40, of, target={"identity": {"prompts": {"passages": sha256, "talk": "same"}}})
    reference = PromptRef(name=prompt, version="1", sha256=sha256)
    said = answer("x")
    assert said.answer is not None
    output = said.model_copy(update={"answer": said.answer.model_copy(update={"prompt": reference})})
    used = [item.model_copy(update={"output": output}) for item in found.samples[:uses]]
    return RunWithSamples(found.record, [*used, *found.samples[uses:]])


def test_a_changed_prompt_that_too_few_samples_use_gives_no_verdict() -> None:
    """Nothing got worse, because nothing of what changed was looked at."""
    of = suite("exact_match", gate={"prompts": True})  # one metric at 0.05: five samples must come out worse
    before = through("passages", 40, "old", of)
    verdict = judge(through("passages", 4, "new", of), before)
    assert verdict.verdict == "none"
    assert "'passages' changed since the baseline, and 4 samples were answered through it" in verdict.reasons[0]
    assert "(5 are needed)" in verdict.reasons[0]
    assert judge(through("talk", 40, "new", of), before).verdict == "none"
    assert judge(through("passages", 5, "new", of), before).verdict == "pass"
    assert judge(through("talk", 0, "old", of), before).verdict == "pass"  # unused, and unchanged
    assert judge(through("talk", 0, "new", PLAIN), through("passages", 40, "old", PLAIN)).verdict == "pass"
    assert "does not say which prompts" in judge(through("talk", 9, "new", of), made([1.0] * 40, of)).reasons[0]


def test_a_regression_fails_and_a_tolerated_one_does_not() -> None:
    before = [1.0] * 40
    assert judge(made([0.0] * 8 + [1.0] * 32), made(before)).verdict == "fail"
    tolerant = suite("exact_match", thresholds={"exact_match": {"may_drop": 0.25}})
    assert judge(made([0.0] * 8 + [1.0] * 32, tolerant), made(before, tolerant)).verdict == "pass"
    assert judge(made(before), made([0.0] * 8 + [1.0] * 32)).verdict == "pass"  # better is no regression


def test_where_even_a_fall_to_nothing_would_not_be_seen_there_is_no_verdict() -> None:
    rarely = [1.0] + [0.0] * 39
    verdict = judge(made([0.0] * 40), made(rarely))
    assert verdict.verdict == "none"
    assert "even a drop to nothing would not be shown" in verdict.reasons[0]
    assert judge(made([1.0] * 30 + [0.0] * 10), made(rarely)).verdict == "pass"  # a rise is shown
    assert judge(made([1.0] * 20 + [0.0] * 20), made([1.0] * 20 + [0.0] * 20)).verdict == "pass"


def test_a_metric_without_a_value_is_not_compared() -> None:
    """Where nothing was refused there is no precision of refusals; the other metrics still are compared."""
    of = suite("answerability")
    scores = {"answerability": Score(value=1.0, metadata={"answerable": 1, "rightly_answered": 1})}
    runs = [made([1.0] * 30, of, summed=False) for _ in range(2)]
    for item in [*runs[0].samples, *runs[1].samples]:
        item.scores.update(scores)
    verdict = judge(*runs)
    assert verdict.verdict == "pass"
    assert {check.name for check in verdict.checks} == {"answerability", "answered"}


def test_too_few_groups_give_no_verdict() -> None:
    """Forty rows of three documents can show nothing, however they come out."""
    groups = [str(number % 3) for number in range(40)]
    verdict = judge(made([0.0] * 40, groups=groups), made([1.0] * 40, groups=groups))
    assert verdict.verdict == "none"
    assert "too few to show any drop" in verdict.reasons[0]


def simulated(draw: np.random.Generator, chances: np.ndarray, groups: list[str], of: Suite) -> RunWithSamples:
    """A run of a target that is right by chance, each sample with its own."""
    return made(list((draw.random(len(chances)) < chances).astype(float)), of, groups, summed=False)


@pytest.mark.parametrize(("documents", "rows"), [(100, 1), (30, 4)])
def test_over_simulated_baselines_the_gate_keeps_its_promise(documents: int, rows: int) -> None:
    """Of 200 unchanged targets at most 5 % fail; of 200 drops twice the printed visible effect at least 95 % do."""
    draw, of = np.random.default_rng(documents), suite("exact_match")
    alarms = caught = 0
    for _ in range(200):
        level = draw.beta(6, 2, documents)
        chances = np.clip(np.repeat(level, rows) + draw.normal(0, 0.05, documents * rows), 0.02, 0.98)
        groups = [str(number // rows) for number in range(documents * rows)]
        baseline = simulated(draw, chances, groups, of)
        unchanged = judge(simulated(draw, chances, groups, of), baseline)
        alarms += unchanged.verdict == "fail"
        visible = unchanged.checks[-1].visible
        assert visible is not None
        assert math.isfinite(visible)
        dropped = chances * (1 - 2 * visible / chances.mean())
        caught += judge(simulated(draw, dropped, groups, of), baseline).verdict == "fail"
    assert alarms <= 0.05 * 200
    assert caught >= 0.95 * 200


def verdicts() -> list[Verdict]:
    bars = suite("exact_match", "f1", thresholds={"exact_match": 0.9, "f1": 0.1})
    few = made([1.0] * 5, bars)
    return [judge(made([1.0] * 30, bars)), judge(made([1.0, 0.0] * 15, bars)), judge(few)]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_form_tells_the_verdict(form: str) -> None:
    told = [FORMATS[form](verdict) for verdict in verdicts()]
    if form == "json":
        assert [json.loads(text)["verdict"] for text in told] == ["pass", "fail", "none"]
    elif form == "junit":
        counted = [ElementTree.fromstring(text) for text in told]  # noqa: S314 - written just now
        assert [suite.get("failures") for suite in counted] == ["0", "1", "0"]
        assert [suite.get("errors") for suite in counted] == ["0", "0", "1"]
        assert len(counted[1].findall("testcase/failure")) == 1
    else:
        assert ["passed" in told[0], "failed" in told[1], "no verdict" in told[2]] == [True] * 3
        assert "below 0.9" in told[1]


def test_a_run_without_a_suite_is_refused(tmp_path: Path) -> None:
    """A path of a comparison is written down as a run, so that reports show it."""
    whole = made([1.0] * 30, suite("exact_match", thresholds={"exact_match": 0.5}))
    for definition, said in [({"compare": "rag"}, "path of a comparison"), ({"name": "x"}, "dataset: Field required")]:
        with pytest.raises(UsageError, match=said) as raised:
            judge(RunWithSamples(whole.record.model_copy(update={"definition": definition}), whole.samples))
        assert raised.value.cure


def test_a_run_is_not_its_own_baseline(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="are the same folder"):
        judge_folders(tmp_path, tmp_path)
    with pytest.raises(UsageError, match="holds no run"):
        judge_folders(tmp_path, None)
