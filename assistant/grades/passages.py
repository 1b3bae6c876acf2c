"""Rows about passages: does one carry an answer, does one answer a question, and where.

They rest on what graders marked in the queue, “Passages that answer it”. Where none is marked, nothing is known of any;
where some are, those that were shown beside them and nobody marked do not answer.
"""

from __future__ import annotations

import re
from typing import Any

from assistant.grades.judged import GOOD, Judged
from graphs.answer import Answer, Passage

SUPPORTED = "supported"
"""The criterion that says whether the sources carry an answer."""
_MARKER = re.compile(r"\s*\[\d+\]")


def kept_passages(answer: Answer) -> list[str]:
    """The texts the answer was made of."""
    return [item.passage.text for item in answer.evidence if item.kept]


def detector_rows(judged: Judged) -> list[dict[str, Any]]:
    """The answer with what carries it (label 0) or does not (1).

    A supported answer stands beside the passages marked as answering, where some are; and, as not carried, beside
    those that were seen with them, are not marked and not cited.
    """
    score = judged.scores.get(SUPPORTED)
    kept = kept_passages(judged.logged.answer)
    if score is None or 2 < score < 4 or not (kept or judged.right):
        return []
    if score <= 2:
        return [_claim(judged, kept, "1")] if kept else []
    right = [passage.text for passage in judged.right]
    rows = [_claim(judged, right or kept, "0", marked=bool(right))]
    cited = {citation.chunk_id for citation in judged.logged.answer.citations}
    if wrong := [passage.text for passage in judged.wrong if passage.chunk_id not in cited]:
        rows.append(_claim(judged, wrong, "1", marked=True))
    return rows


def retrieval_rows(judged: Judged) -> list[dict[str, Any]]:
    """The question with the passages that were seen, and which of them answer it."""
    right, wrong = judged.right, judged.wrong
    if not right or not wrong:
        return []
    passages = [passage.text for passage in (*right, *wrong)]
    gold = list(range(len(right)))
    return [{"question": _question(judged), "passages": passages, "gold": gold, "marked": True}]


def reader_rows(judged: Judged) -> list[dict[str, Any]]:
    """The question with each marked passage and where its answer stands, and with each that does not answer.

    A passage that answers is of use only where an expert's better answer, or one graded well, stands in it word for
    word.
    """
    rows = [_read(judged, passage, []) for passage in judged.wrong]
    said = [grade.better_answer for grade in judged.better()]
    said = said or ([judged.logged.answer.text] if judged.share >= GOOD else [])
    for passage in judged.right:
        if answers := [text for one in said if (text := _MARKER.sub("", one).strip()) and text in passage.text]:
            rows.append(_read(judged, passage, answers))
    return rows


def _claim(judged: Judged, passages: list[str], label: str, *, marked: bool = False) -> dict[str, Any]:
    source = "\n\n".join(passages)
    row = {"response": judged.logged.answer.text, "source": source, "label": label, "dataset": "grades"}
    return {**row, "marked": True} if marked else row


def _read(judged: Judged, passage: Passage, answers: list[str]) -> dict[str, Any]:
    question = _question(judged)
    about = {"question": question, "context": passage.text, "title": passage.title}
    return {**about, "answers": answers, "is_impossible": not answers, "marked": True}


def _question(judged: Judged) -> str:
    """As it was searched for: a question of a conversation by itself."""
    return judged.logged.answer.question or judged.logged.question
