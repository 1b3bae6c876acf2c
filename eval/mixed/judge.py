"""What counts as right for a row of the mixed set, by its kind; strict, and the same for every path."""

from __future__ import annotations

import json

from eval.sample import Sample
from eval.squad import normalise
from graphs.answer import Answer
from graphs.words import first_repeat, words


def right(sample: Sample, answer: Answer) -> bool:
    """Whether an answer is right.

    A question with an answer wants it said; one without wants a refusal. A page question wants a source under the
    heading it names. A label, a number and every extracted field must be equal. Talk wants a few words of its own:
    no refusal, no loop, no quotation.
    """
    kind = sample.metadata["kind"]
    if kind == "unanswerable":
        return answer.abstained
    if answer.abstained or answer.stopped:
        return False
    if kind == "pages":
        return _has_heading(str(sample.target), answer)
    if kind == "extraction":
        return _same_fields(json.loads(str(sample.target)), answer)
    if kind == "chat":
        return len(words(answer.text)) >= 3 and not answer.quoted and not answer.citations and not _loops(answer.text)
    targets = [sample.target] if isinstance(sample.target, str) else list(sample.target or [])
    if kind in ("intent", "sentiment"):
        return normalise(answer.text) == normalise(targets[0])
    return any(f" {normalise(target)} " in f" {normalise(answer.text)} " for target in targets if normalise(target))


def bluffed(sample: Sample, answer: Answer) -> bool:
    """Whether something wrong was said as if it were right; a refusal is no bluff."""
    return not answer.abstained and not right(sample, answer)


def _loops(text: str) -> bool:
    return first_repeat(text) is not None


def _has_heading(heading: str, answer: Answer) -> bool:
    cited = {citation.chunk_id for citation in answer.citations}
    used = [item.passage for item in answer.evidence if item.passage.chunk_id in cited]
    wanted = normalise(heading)
    return any(wanted in normalise(f"{passage.heading} {passage.title} {passage.text}") for passage in used)


def _same_fields(gold: dict[str, str], answer: Answer) -> bool:
    found = answer.data or {}
    return all(normalise(str(found.get(name, ""))) == normalise(value) for name, value in gold.items())
