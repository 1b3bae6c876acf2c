"""Rows the reader learns from: read, mixed by the recipe, turned into token windows, batched by length.

Everything is a pure function of recipe and pass number, so a resumed run sees the same batches.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from eval.sample import read_rows
from eval.squad import normalise
from graphs.errors import SettingsError, UsageError
from graphs.words import coverage
from training.reader.recipe import ReaderRecipe

FILES = ("squad_train", "qa_extractive_train", "qa_unanswerable_derived", "rc_extra_train", "qa_multi_passage_train")
CLS, SEP = 101, 102


@dataclass(frozen=True)
class Row:
    """One question with one passage; `start == end` where the passage does not answer it."""

    question: str
    context: str
    start: int
    end: int
    kind: str
    title: str = ""
    answers: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        """Whether the passage answers the question."""
        return self.end > self.start


@dataclass(frozen=True)
class Window:
    """A row as the encoder sees it; start and end are token positions, -1 where there is no answer."""

    ids: list[int]
    question_length: int
    """Tokens before the passage: [CLS] question [SEP]."""
    start: int
    end: int
    first: int
    """Which token of the passage the window begins with."""


def data_folder() -> Path:
    """The folder `CROSSROADS_DATA` names. Raises `SettingsError` where it is not set or not there."""
    named = os.environ.get("CROSSROADS_DATA", "")
    if not named or not Path(named).is_dir():
        raise SettingsError(f"CROSSROADS_DATA is {named!r}, not a folder.", "Set it to the folder of the public sets.")
    return Path(named)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The records of a gzipped JSON Lines file. Raises `UsageError` naming the line that is none."""
    return [row for _, row in read_rows(path)]


def data_sha256(folder: Path) -> dict[str, str]:
    """File name → sha256 of what was trained on."""
    return {name: hashlib.sha256((folder / f"{name}.jsonl.gz").read_bytes()).hexdigest() for name in FILES}


def load_rows(folder: Path) -> dict[str, list[Row]]:
    """Training rows by kind, as the recipe's `repeats` names them."""
    squad = [to_row(record, "squad") for record in read_jsonl(folder / "squad_train.jsonl.gz")]
    found: dict[str, list[Row | None]] = {
        "squad_answerable": [row for row in squad if row and row.answerable],
        "squad_impossible": [row for row in squad if row and not row.answerable],
        "qa_extractive": [to_row(r, "extractive") for r in read_jsonl(folder / "qa_extractive_train.jsonl.gz")],
        "derived": [to_row(r, "derived") for r in read_jsonl(folder / "qa_unanswerable_derived.jsonl.gz")],
        "extra": [to_row(r, "extra") for r in read_jsonl(folder / "rc_extra_train.jsonl.gz") if r["answer_in_context"]],
        **multi_passage_rows(multi_passage_records(folder, held_out=False)),
    }
    return {kind: [row for row in rows if row] for kind, rows in found.items()}


def own_rows(path: Path | None) -> list[Row]:
    """The rows of a JSON Lines file of one's own; none where none is named. Raises `UsageError` naming the line."""
    rows = []
    for number, record in read_rows(path) if path else ():
        try:
            rows.append(to_row(record, "own"))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            cure = "Write it with `crossroads grades export --format reader --out FILE`."
            raise UsageError(f"{path}, line {number} is no row for the reader: {error!r}.", cure) from None
    return [row for row in rows if row]


def multi_passage_records(folder: Path, *, held_out: bool) -> list[dict[str, Any]]:
    """Questions over ten passages whose answer stands in the gold ones alone; one in five, by its id, is held out."""
    return [
        record
        for record in read_jsonl(folder / "qa_multi_passage_train.jsonl.gz")
        if not record["answer_in_distractors"] and not record["yes_no"]
        if (hashlib.sha256(record["id"].encode()).digest()[0] < 51) == held_out
    ]


def multi_passage_rows(records: Sequence[dict[str, Any]]) -> dict[str, list[Row | None]]:
    """`multi_gold`: a question with the gold passage that holds its answer; `multi_noise`: with one that does not.

    A gold passage counts only where half of the question's words stand in it: the reader sees one passage at a time,
    and should not learn to answer from one that is about something else.
    """
    gold: list[Row | None] = []
    noise: list[Row | None] = []
    for record in records:
        for number, passage in enumerate(record["passages"]):
            text, question = f"{passage['title']}\n{passage['text']}", " ".join(record["question"].split())
            if number not in record["gold"]:
                noise.append(Row(question, text, 0, 0, "multi_noise", passage["title"]))
            elif coverage(question, [text]) >= 0.5:
                gold.append(
                    to_row({**record, "question": question, "context": text, "title": passage["title"]}, "multi_gold")
                )
    return {"multi_gold": gold, "multi_noise": noise}


def to_row(record: dict[str, Any], kind: str) -> Row | None:
    """A record as a row; None where an answer is promised but not found in the passage."""
    context, question = record["context"], " ".join(record["question"].split())
    if record["is_impossible"]:
        return Row(question, context, 0, 0, kind, record["title"])
    answers = tuple(answer for answer in record["answers"] if answer.strip())
    if not answers:
        return None
    answer = Counter(answers).most_common(1)[0][0]
    starts = record.get("answer_starts") or []
    start = starts[answers.index(answer)] if len(starts) == len(answers) else context.find(answer)
    if start < 0 or context[start : start + len(answer)] != answer:
        start = context.find(answer)
    if start < 0:
        return None
    return Row(question, context, start, start + len(answer), kind, record["title"], answers)


def near_passages(rows: Sequence[Row], passages: Sequence[str], keep: int = 6) -> list[list[str]]:
    """For each answerable row the passages most like its question that do not hold its answer, best first."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(sublinear_tf=True, stop_words="english", dtype=np.float32)
    matrix = vectoriser.fit_transform(passages).T.tocsr()
    found: list[list[str]] = []
    for first in range(0, len(rows), 256):
        part = rows[first : first + 256]
        scores = (vectoriser.transform([f"{row.question} {row.title}" for row in part]) @ matrix).toarray()
        for row, line in zip(part, scores, strict=True):
            best = np.argsort(-line, kind="stable")[: keep * 3]
            found.append([passages[index] for index in best if _lacks(passages[index], row)][:keep])
    return found


def _lacks(passage: str, row: Row) -> bool:
    text = f" {normalise(passage)} "
    return passage != row.context and not any(f" {normalise(answer)} " in text for answer in row.answers)


class Tokens:
    """Token ids and offsets of questions and passages, each tokenised once."""

    def __init__(self, base: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._seen: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and character offsets, without special tokens."""
        if text not in self._seen:
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
            self._seen[text] = (encoding.ids, encoding.offsets)
        return self._seen[text]


def window(row: Row, tokens: Tokens, recipe: ReaderRecipe, draw: random.Random) -> Window | None:
    """One window of the passage, holding the answer where there is one; None where the answer does not fit."""
    question = tokens.encode(row.question)[0][: recipe.max_question_tokens]
    ids, offsets = tokens.encode(row.context)
    room = recipe.max_tokens - len(question) - 3
    span = _token_span(offsets, row) if row.answerable else (0, 0)
    if span is None or span[1] - span[0] >= room:
        return None
    low, high = max(0, span[1] - room + 1), max(0, min(span[0], len(ids) - room))
    if not row.answerable:
        low, high = 0, max(0, len(ids) - room)
    first = draw.randint(min(low, high), high) if len(ids) > room else 0
    lead = len(question) + 2
    start, end = (lead + span[0] - first, lead + span[1] - first) if row.answerable else (-1, -1)
    return Window([CLS, *question, SEP, *ids[first : first + room], SEP], lead, start, end, first)


def _token_span(offsets: Sequence[tuple[int, int]], row: Row) -> tuple[int, int] | None:
    inside = [index for index, (start, end) in enumerate(offsets) if start < row.end and end > row.start]
    return (inside[0], inside[-1]) if inside else None


class Mixture:
    """Draws each pass's rows as the recipe says, and batches them by length."""

    def __init__(self, recipe: ReaderRecipe, folder: Path) -> None:
        self.recipe = recipe
        self.rows = {**load_rows(folder), "own": own_rows(recipe.own)}
        self.tokens = Tokens(recipe.base)
        answerable = self.rows["squad_answerable"] + self.rows["qa_extractive"]
        passages = list(dict.fromkeys(row.context for rows in self.rows.values() for row in rows))
        self._near = list(zip(answerable, near_passages(answerable, passages), strict=True))

    def draw(self, number: int) -> list[Row]:
        """The rows of pass `number`, in order."""
        from training.reader.perturb import perturb

        draw = random.Random(f"{self.recipe.seed}-{number}")  # noqa: S311 - shuffling, no secret
        rows: list[Row] = []
        for kind, repeat in self.recipe.repeats.model_dump().items():
            rows += self.rows[kind] * int(repeat)
            rows += draw.sample(self.rows[kind], round(len(self.rows[kind]) * (repeat % 1)))
        near = [(row, texts) for row, texts in self._near if texts]
        for row, texts in draw.sample(near, min(self.recipe.near_negatives, len(near))):
            rows.append(Row(row.question, draw.choice(texts), 0, 0, "near", row.title))
        changed = (perturb(row, draw) for row, _ in draw.sample(self._near, len(self._near)))
        usable = (row for row in changed if row)
        rows += [row for _, row in zip(range(self.recipe.perturbed), usable, strict=False)]
        draw.shuffle(rows)
        return rows

    def batches(self, number: int) -> list[list[Window]]:
        """Pass `number` as batches of windows of like length, each at most `batch_tokens` padded."""
        draw = random.Random(f"{self.recipe.seed}-windows-{number}")  # noqa: S311 - shuffling, no secret
        windows = [window(row, self.tokens, self.recipe, draw) for row in self.draw(number)]
        kept = [found for found in windows if found]
        batches: list[list[Window]] = []
        for first in range(0, len(kept), 800):
            pool = sorted(kept[first : first + 800], key=lambda found: len(found.ids))
            groups = list(_groups(pool, self.recipe.batch_tokens))
            draw.shuffle(groups)
            batches += groups
        return batches


def _groups(pool: Sequence[Window], batch_tokens: int) -> Iterator[list[Window]]:
    group: list[Window] = []
    for found in pool:
        if group and len(found.ids) * (len(group) + 1) > batch_tokens:
            yield group
            group = []
        group.append(found)
    if group:
        yield group
