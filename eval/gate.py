"""The gate: absolute bars, and no significant regression against a baseline. No verdict where none can be had."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from eval.dataset import sample_sha256
from eval.record import RunRecord, SampleRecord, read_run, read_sample_records
from eval.runner import watched_metrics
from eval.scorers.base import Floats, Metric
from eval.statistics import Comparison, compare, holm, least_clusters
from eval.suite import GateSpec, Suite, suite_of
from graphs.errors import UsageError

Outcome = Literal["pass", "fail", "none"]
_SHARED = 0.9
"""This share of a run's samples must be in the baseline too; the others are left out of the comparison."""
EXIT = {"pass": 0, "fail": 1, "none": 2}


class Check(BaseModel):
    """One thing that was judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The metric, or what kept a verdict from being had."""
    kind: Literal["precondition", "threshold", "regression"]
    outcome: Outcome
    text: str
    """What was found, in a sentence with its figures."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bar: float | None = None
    baseline: float | None = None
    difference: float | None = None
    p: float | None = None
    """One-sided, corrected (Holm) over all metrics compared."""
    visible: float | None = None
    """The smallest change for the worse these samples would show with power 80 %."""


class Verdict(BaseModel):
    """What the gate says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Outcome
    reasons: list[str]
    """Why it is not a pass; where it is one, what it rests on."""
    checks: list[Check]
    suite: str
    run: str
    baseline: str = ""

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 no verdict."""
        return EXIT[self.verdict]


@dataclass(frozen=True)
class RunWithSamples:
    """A run as its folder holds it."""

    record: RunRecord
    samples: list[SampleRecord]

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Sample id → hash of what was asked and expected."""
        return {item.sample.id: sample_sha256(item.sample) for item in self.samples if not item.repeat}

    @classmethod
    def read(cls, folder: Path) -> RunWithSamples:
        """Raises `UsageError` where the folder holds no run that can be read."""
        return cls(read_run(folder), read_sample_records(folder))


def judge(run: RunWithSamples, baseline: RunWithSamples | None = None) -> Verdict:
    """The verdict on a run. A failed precondition means that there is none, whatever the figures say."""
    suite = suite_of(run.record.definition, run.record.run_id)
    checks = [*_preconditions(run, suite.gate, "the run")]
    if baseline is not None:
        checks += _comparable(run, baseline, suite)
    checks += _thresholds(run, suite)
    if baseline is not None and not any(check.outcome == "none" for check in checks):
        checks += _regressions(run, baseline, suite)
    verdict = _verdict(checks)
    telling = [
        check.text for check in checks if check.outcome == verdict or (verdict == "none" and check.outcome != "pass")
    ]
    return Verdict(
        verdict=verdict,
        reasons=telling or ["There is no bar and no baseline, so nothing was judged."],
        checks=checks,
        suite=run.record.suite,
        run=run.record.run_id,
        baseline=baseline.record.run_id if baseline else "",
    )


def _verdict(checks: Sequence[Check]) -> Outcome:
    """No verdict beats a fail: what rests on too little proves nothing. Judging nothing is no pass either."""
    outcomes = [check.outcome for check in checks]
    if "none" in outcomes or not any(check.kind != "precondition" for check in checks):
        return "none"
    return "fail" if "fail" in outcomes else "pass"


def _preconditions(run: RunWithSamples, gate: GateSpec, which: str) -> list[Check]:
    record = run.record
    found = []
    if record.status != "finished":
        found.append(_none("status", f"{which} is {record.status}, not finished; run its suite again, it continues."))
    count = len({item.sample.id for item in run.samples})
    if count < gate.min_samples:
        found.append(_none("samples", f"{which} has {count} samples; a verdict needs {gate.min_samples}."))
    if record.n and record.failed > gate.max_failed * record.n:
        first = next((item.output.error for item in run.samples if item.output.error), None) or {}
        told = f"{record.failed} of {record.n} samples of {which} failed, more than {gate.max_failed:.0%}"
        found.append(_none("failures", f"{told}: {first.get('message', '')} {first.get('cure', '')}".strip()))
    return found


def _none(name: str, text: str) -> Check:
    return Check(name=name, kind="precondition", outcome="none", text=text[:1].upper() + text[1:])


def _comparable(run: RunWithSamples, baseline: RunWithSamples, suite: Suite) -> list[Check]:
    found = _preconditions(baseline, suite.gate, "the baseline")
    if run.record.suite != baseline.record.suite:
        text = f"the baseline is of the suite {baseline.record.suite!r}, the run of {run.record.suite!r}."
        found.append(_none("baseline", text))
    elif len(shared := _shared(run, baseline)) < _SHARED * len(run.hashes):
        text = f"the baseline was made on other data: {len(shared)} of {len(run.hashes)} samples are also in it; "
        found.append(_none("baseline", text + "make a new one with `crossroads eval run`."))
    judges = {_scorer_of(suite, metric.name) for metric in watched_metrics(suite)}
    changed = [
        name
        for name, key in run.record.scorers.items()
        if name in judges and name in baseline.record.scorers and baseline.record.scorers[name] != key
    ]
    if changed:
        text = f"the scorer {changed[0]!r} judges otherwise than in the baseline; make a new baseline."
        found.append(_none("baseline", text))
    return found + (_prompts(run, baseline, suite) if suite.gate.prompts else [])


def _prompts(run: RunWithSamples, baseline: RunWithSamples, suite: Suite) -> list[Check]:
    """Prompts that changed since the baseline and that too few answers came from for a drop to be seen."""
    before, after = (each.record.target.get("identity", {}).get("prompts") for each in (baseline, run))
    if before is None or after is None:
        return [_none("prompts", "the baseline does not say which prompts it was made with; make a new one.")]
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    needed = least_clusters(len(watched_metrics(suite)), suite.gate.alpha)
    return [
        _none(
            "prompts",
            f"the prompt {name!r} changed since the baseline, and {len(used)} samples were answered through it, too "
            f"few to show any drop ({needed} are needed); judge it on rows that use it, then make a new baseline.",
        )
        for name in changed
        if len(used := _answered_through(name, run)) < needed
    ]


def _answered_through(prompt: str, run: RunWithSamples) -> set[str]:
    """Ids of the samples whose answer a model wrote by this prompt, whether its words stood or were replaced."""
    answers = ((item.sample.id, item.output.answer) for item in run.samples)
    return {sample for sample, answer in answers if answer and answer.prompt and answer.prompt.name == prompt}


def _shared(run: RunWithSamples, baseline: RunWithSamples) -> set[str]:
    """Ids of the samples that both runs asked, word for word."""
    return {sample_id for sample_id, digest in run.hashes.items() if baseline.hashes.get(sample_id) == digest}


def _thresholds(run: RunWithSamples, suite: Suite) -> list[Check]:
    checks = []
    for name, bar in suite.thresholds.items():
        scorer = _scorer_of(suite, name)
        if scorer in run.record.missing:
            checks.append(_none(name, f"{name} could not be measured: {run.record.missing[scorer]}"))
            continue
        for wanted, is_min in ((bar.min, True), (bar.max, False)):
            if wanted is not None:
                checks.append(_threshold(run, name, wanted, is_min))
    return checks


def _threshold(run: RunWithSamples, name: str, bar: float, is_min: bool) -> Check:
    found = run.record.metrics.get(name)
    if found is None or found.value is None:
        return _none(name, f"{name} has no value: no sample could be judged by it.")
    missed = found.value < bar if is_min else found.value > bar
    side = "below" if is_min else "above"
    text = f"{name} {_shown(found.value, found.low, found.high)} is {side if missed else 'not ' + side} {bar:g}"
    inside = found.low is not None and found.high is not None and found.low <= bar <= found.high
    if missed and inside:
        text += f" (by less than {found.n} samples can tell)"
    return Check(
        name=name, kind="threshold", outcome="fail" if missed else "pass", text=text + ".", value=found.value,
        low=found.low, high=found.high, bar=bar, visible=found.visible,
    )  # fmt: skip


def _shown(value: float, low: float | None, high: float | None) -> str:
    ends = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    return f"{value:.3f}{ends}"


def _scorer_of(suite: Suite, metric: str) -> str:
    return next((scorer.name for scorer in suite.made_scorers() for one in scorer.metrics() if one.name == metric), "")


def _regressions(run: RunWithSamples, baseline: RunWithSamples, suite: Suite) -> list[Check]:
    """A check for every watched metric that both runs have, the p-values corrected over all of them."""
    tables = [
        (metric, _paired(metric, _scorer_of(suite, metric.name), run, baseline)) for metric in watched_metrics(suite)
    ]
    there = [(metric, *table) for metric, table in tables if table is not None]
    compared = [compare(metric, before, after, groups, len(there)) for metric, before, after, groups in there]
    corrected = holm([found.p_worse for found in compared])
    checks = []
    for (metric, *_), found, p in zip(there, compared, corrected, strict=True):
        allowed = suite.thresholds[metric.name].may_drop if metric.name in suite.thresholds else 0.0
        checks.append(_regression(metric, found, p, suite.gate.alpha, allowed))
    return checks


def _regression(metric: Metric, found: Comparison, p: float, alpha: float, allowed: float) -> Check:
    worse = -found.difference if metric.better == "higher" else found.difference
    significant = p <= alpha and worse > 0
    failed = significant and worse > allowed
    better = metric.better != "higher" or found.low > 0  # what is shown to have risen has not fallen
    seeable = math.isfinite(found.visible) and (better or found.visible <= found.before)
    outcome: Outcome = "fail" if failed else "pass" if seeable else "none"
    text = f"{metric.name} {found.before:.3f} → {found.after:.3f} ({found.difference:+.3f}"
    text += f" [{found.low:+.3f}, {found.high:+.3f}], p {p:.3f}); "
    if failed:
        text += "a regression."
    elif significant:
        text += f"worse, but by no more than the {allowed:g} that is allowed."
    elif seeable:
        text += f"no regression shown; a drop of {found.visible:.3f} would be."
    elif math.isfinite(found.visible):
        text += f"even a drop to nothing would not be shown, only one of {found.visible:.3f}: take more samples."
    else:
        text += f"{found.clusters} groups of samples are too few to show any drop."
    return Check(
        name=metric.name, kind="regression", outcome=outcome, text=text, value=found.after, baseline=found.before,
        low=found.low, high=found.high, difference=found.difference, p=p,
        visible=found.visible if seeable else None,
    )  # fmt: skip


def _paired(
    metric: Metric, scorer: str, run: RunWithSamples, baseline: RunWithSamples
) -> tuple[Floats, Floats, list[str]] | None:
    """Parts of both runs, a row for each sample (the mean over its repeats), and the samples' groups.

    None where one of them has no value, such as the precision of refusals where nothing was refused.
    """
    if scorer in run.record.missing or scorer in baseline.record.missing:
        return None
    before, after = _by_sample(metric, scorer, baseline), _by_sample(metric, scorer, run)
    shared = _shared(run, baseline)
    ids = [sample_id for sample_id in after if sample_id in before and sample_id in shared]
    if not ids:
        return None
    old, new = (np.array([table[one] for one in ids], dtype=float) for table in (before, after))
    if any(math.isnan(float(metric.combine(parts.sum(axis=0)))) for parts in (old, new)):
        return None
    groups = {item.sample.id: item.group for item in run.samples}
    return old, new, [groups[one] for one in ids]


def _by_sample(metric: Metric, scorer: str, run: RunWithSamples) -> dict[str, Floats]:
    rows = [item for item in run.samples if scorer in item.scores]
    if not rows:
        return {}
    parts = metric.parts([item.scores[scorer] for item in rows])
    sums: dict[str, list[Any]] = {}
    for item, part in zip(rows, parts, strict=True):
        sums.setdefault(item.sample.id, []).append(part)
    return {sample_id: np.mean(found, axis=0) for sample_id, found in sums.items()}


def judge_folders(run: Path, baseline: Path | None) -> Verdict:
    """The verdict on a run's folder. Raises `UsageError` where one of the folders holds no run."""
    if baseline is not None and baseline.resolve() == run.resolve():
        raise UsageError(f"Run and baseline are the same folder {str(run)!r}.", "Name an earlier run as the baseline.")
    return judge(RunWithSamples.read(run), RunWithSamples.read(baseline) if baseline else None)
