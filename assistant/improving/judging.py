"""Candidate and live model on the same questions: held-out grades and the standing suites; then the gate."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.improving.choosing import LEAST_HELD_OUT
from eval.cache import Cache
from eval.dataset import Places, load_dataset
from eval.gate import Verdict, judge_folders
from eval.record import RunRecord
from eval.runner import Run
from eval.sample import Sample
from eval.scorers.base import Tools
from eval.suite import DatasetSpec, GateSpec, Suite, find_suite, load_suite
from eval.target import Output
from graphs.answer import Usage
from graphs.errors import CrossroadsError, UsageError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from assistant.config import Settings
    from assistant.improving.cycle import Cycle

HELD_OUT = "held-out-grades"
METRIC, CORRECTED = "f1", "nearer"
"""What the held-out questions are judged by: the words an answer shares with the experts' own, and where experts
corrected answers whether it is nearer to theirs than to the corrected one."""
SIDES = ("live", "candidate")


@dataclass
class ModelTarget:
    """A bare chat model, shown each sample's own messages: those it was asked when the answer was graded."""

    label: str
    model: BaseChatModel
    most: int
    known: str
    """What stands for the model's bytes."""
    batch: int = 1
    concurrency: int = 1

    @property
    def name(self) -> str:
        """For a person."""
        return self.label

    def identity(self) -> dict[str, Any]:
        """What its outputs depend on."""
        return {"model": self.known, "tokens": self.most}

    def prepare(self) -> None:
        """Nothing: the model is there."""

    def ask(self, samples: Sequence[Sample], seed: int, cancel: threading.Event) -> list[Output]:
        """One answer a sample, greedily."""
        del seed, cancel
        return [self._one(sample) for sample in samples]

    def _one(self, sample: Sample) -> Output:
        from langchain_core.messages import convert_to_messages

        try:
            reply = self.model.invoke(convert_to_messages(sample.metadata["messages"]), max_tokens=self.most)
        except CrossroadsError as error:
            return Output(error=error.as_json()["error"])
        used: Any = getattr(reply, "usage_metadata", None) or {}
        usage = Usage(prompt_tokens=used.get("input_tokens", 0), completion_tokens=used.get("output_tokens", 0))
        return Output(text=str(reply.text), usage=usage)


def held_out_suite(file: Path, samples: Sequence[Sample]) -> Suite:
    """The held-out grades as a suite of their own."""
    enough = sum(bool(sample.metadata.get("corrected")) for sample in samples) >= LEAST_HELD_OUT
    metrics = [METRIC, CORRECTED] if enough else [METRIC]
    return Suite(
        name=HELD_OUT,
        description="Are answers nearer to what the experts of this home want?",
        dataset=DatasetSpec(path=str(file)),
        scorers=[{name: {}} for name in metrics],
        watch=metrics,
        gate=GateSpec(min_samples=min(20, len(samples))),
    )


def run_held_out(cycle: Cycle, settings: Settings, names: dict[str, str]) -> None:
    """Both models on the held-out questions. A run that is whole is not repeated."""
    from assistant.providers import chat_model

    file = cycle.folder / "held-out.jsonl"
    dataset = load_dataset(DatasetSpec(path=str(file)), Places(file))
    suite = held_out_suite(file, dataset.samples)
    for side in SIDES:
        folder = run_folder(cycle, HELD_OUT, side)
        if _whole(folder):
            continue
        model = chat_model(names[side], settings)
        most = settings.answering.answer_tokens
        target = ModelTarget(side, model, most, f"{cycle.name} {names[side]}")
        with Cache(cycle.folder / "answers.db") as cache:
            _say(cycle, Run(suite, dataset, target, Tools(), folder, cache).start(), folder)


def run_standing(cycle: Cycle, settings: Settings, name: str, models: dict[str, str]) -> None:
    """Both models on a standing suite, through the assistant where the suite asks it."""
    from assistant.cli.eval_run import measure, read_suite
    from assistant.evaluation.homes import open_for

    suite, dataset, places = read_suite(name)
    for side in SIDES:
        folder = run_folder(cycle, suite.name, side)
        if _whole(folder):
            continue
        chosen = suite.model_copy(update={"target": suite.target.model_copy(update={"model": models[side]})})
        with open_for(settings, suite.target.knowledge, places, cycle.tell) as assistant:
            _say(cycle, measure(assistant, chosen, dataset, folder, cache=cycle.folder / "answers.db"), folder)


def suite_name(name: str) -> str:
    """What a suite calls itself. Raises `UsageError` where there is none of that name."""
    return load_suite(find_suite(name)).name


def run_folder(cycle: Cycle, suite: str, side: str) -> Path:
    """Where a run lies."""
    return cycle.folder / "eval" / f"{suite}-{side}"


def judged(cycle: Cycle, suites: Sequence[str]) -> dict[str, Any]:
    """The verdict over all suites: none may have got worse, and held-out grades must show a gain."""
    found = {
        suite: judge_folders(run_folder(cycle, suite, "candidate"), run_folder(cycle, suite, "live"))
        for suite in (HELD_OUT, *suites)
    }
    return verdict_of(found)


def verdict_of(found: dict[str, Verdict]) -> dict[str, Any]:
    """`pass` where no suite fails and the gain is shown, `fail` where one got worse, else `none`."""
    compared = [check for check in found[HELD_OUT].checks if check.kind == "regression"]
    rises = [check for check in compared if check.low is not None and check.low > 0]
    gain = next(iter([*rises, *compared]), None)
    reasons = [f"{suite}: {reason}" for suite, one in found.items() for reason in one.reasons if one.verdict != "pass"]
    if any(one.verdict == "fail" for one in found.values()):
        verdict = "fail"
    elif not rises:
        verdict = "none"
        told_of = " ".join(check.text for check in compared) or "nothing was compared."
        reasons = [reason for reason in reasons if not any(check.text in reason for check in compared)]
        reasons.append(f"{HELD_OUT}: no gain is shown: {told_of}")
    elif any(one.verdict == "none" for one in found.values()):
        verdict = "none"
    else:
        verdict = "pass"
        reasons = [f"{suite}: {reason}" for suite, one in found.items() for reason in one.reasons]
    told = {} if gain is None else {"before": gain.baseline, "after": gain.value, "low": gain.low, "high": gain.high}
    return {"verdict": verdict, "reasons": reasons, "gain": told, "suites": {n: v.verdict for n, v in found.items()}}


def _say(cycle: Cycle, record: RunRecord, folder: Path) -> None:
    figures = ", ".join(f"{name} {one.value:.3f}" for name, one in record.metrics.items() if one.value is not None)
    cycle.tell(f"{folder.name}: {record.n} answers, {record.failed} failed, {record.seconds:.0f} s; {figures}")


def _whole(folder: Path) -> bool:
    from eval.record import read_run

    try:
        return read_run(folder).status == "finished"
    except UsageError:
        return False
