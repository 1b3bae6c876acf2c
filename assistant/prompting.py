"""Two versions of a prompt on the same samples: which does better, and by how much, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from assistant.records import Request
from eval.mixed.table import difference
from eval.sample import Sample
from eval.squad import f1
from graphs.errors import CrossroadsError, UsageError
from graphs.prompts import instead, read

if TYPE_CHECKING:
    from assistant.app import Assistant


def compare_prompts(
    assistant: Assistant, first: str, second: str, samples: Sequence[Sample], path: str, tell: Callable[[str], None]
) -> dict[str, Any]:
    """F1 of each version, and the paired difference with its 95 % interval, in percent; a failed turn scores 0.

    Raises `UsageError` where the two are versions of different prompts or there is no sample with a target.
    """
    names = [read(reference)[0] for reference in (first, second)]
    if names[0] != names[1]:
        raise UsageError(f"{first!r} and {second!r} are different prompts.", "Name two versions of one prompt.")
    if not samples:
        raise UsageError("The dataset has no sample with a target.", "Give rows with `input` and `target`.")
    one = _run(assistant, first, samples, path, tell)
    two = _run(assistant, second, samples, path, tell)
    gain = difference(two.pop("scores"), one.pop("scores"))
    verdict = "The difference is clear." if gain[1] > 0 or gain[2] < 0 else "The difference may be chance."
    return {"first": one, "second": two, "difference": gain, "n": len(samples), "verdict": verdict}


def _run(
    assistant: Assistant, reference: str, samples: Sequence[Sample], path: str, tell: Callable[[str], None]
) -> dict[str, Any]:
    scores, abstained, failed = [], 0, 0
    with instead(reference) as prompt:
        for number, sample in enumerate(samples, 1):
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
