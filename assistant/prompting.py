"""Two versions of a prompt on the same samples: which does better, and by how much, row by row."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from assistant.records import Request
from eval.mixed.table import difference
from eval.sample import Sample
from eval.squad import f1
from graphs.errors import CrossroadsError, UsageError
from graphs.prompts import Version, instead, read

if TYPE_CHECKING:
    from assistant.app import Assistant


def compare_prompts(
    assistant: Assistant,
    first: str | Version,
    second: str | Version,
    samples: Sequence[Sample],
    path: str,
    tell: Callable[[str], None],
    cancel: threading.Event | None = None,
) -> dict[str, Any]:
    """F1 of each version, and the paired difference with its 95 % interval, in percent; a failed turn scores 0.

    Raises `UsageError` where the two are versions of different prompts or there is no sample with a target, and
    once `cancel` is set.
    """
    names = [read(reference)[0] for reference in (first, second)]
    if names[0] != names[1]:
        raise UsageError(f"{names[0]!r} and {names[1]!r} are different prompts.", "Name two versions of one prompt.")
    if not samples:
        raise UsageError("The dataset has no sample with a target.", "Give rows with `input` and `target`.")
    cancel = cancel or threading.Event()
    one = _run(assistant, first, samples, path, tell, cancel)
    two = _run(assistant, second, samples, path, tell, cancel)
    gain = difference(two.pop("scores"), one.pop("scores"))
    verdict = "The difference is clear." if gain[1] > 0 or gain[2] < 0 else "The difference may be chance."
    return {"first": one, "second": two, "difference": gain, "n": len(samples), "verdict": verdict}


def _run(
    assistant: Assistant,
    version: str | Version,
    samples: Sequence[Sample],
    path: str,
    tell: Callable[[str], None],
    cancel: threading.Event,
) -> dict[str, Any]:
    scores, abstained, failed = [], 0, 0
    reference = version if isinstance(version, str) else f"{version.name}, a text of its own"
    with instead(version) as prompt:
        for number, sample in enumerate(samples, 1):
            if cancel.is_set():
                raise UsageError("The comparison was stopped.", "Start it again.")
            targets = [sample.target] if isinstance(sample.target, str) else list(sample.target or [])
            request: dict[str, Any] = {"question": sample.input, "path": path, "contexts": sample.contexts}
            try:
                answer = assistant.ask(Request(**request, history=[], fresh=True))
                scores.append(0.0 if answer.abstained else f1(answer.text, targets))
                abstained += answer.abstained
            except CrossroadsError as error:
                scores.append(0.0)
                failed += 1
                tell(f"{sample.id}: {error}")
            tell(f"{reference}: {number}/{len(samples)}")
    mean = 100 * sum(scores) / len(scores)
    about = {"reference": reference, **prompt.model_dump(), "f1": round(mean, 2)}
    return {**about, "abstained": abstained, "failed": failed, "scores": scores}
