"""Worked examples a user keeps: their texts in the home's database, their meaning in the vector store.

Each task has a collection of its own in the store, so examples are never found as documents, nor documents as examples.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, String, Table, delete, func, insert, select
from sqlalchemy.engine import Engine

from assistant.database import metadata, writing
from graphs.answer import Answer, Example, Record, Voted
from graphs.errors import ModelError, NotFoundError, UsageError
from graphs.examples import pick, vote
from graphs.tasks import TASKS

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase
    from assistant.knowledge.types import Chunk, Hit, Vectors

log = logging.getLogger(__name__)
Origin = Literal["file", "hand", "vote", "graded"]
KINDS = ("answer", *TASKS)
"""What an example can be of: a plain answer, or a task on a text."""
_examples = Table(
    "examples",
    metadata,
    Column("example_id", String, primary_key=True),
    Column("task", String, nullable=False, index=True),
    Column("input", String, nullable=False),
    Column("output", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("answer_id", String, nullable=False, index=True),
    Column("created", String, nullable=False),
)
_NEAREST = 64
"""How many of the nearest examples are looked at when some are chosen."""
_VOTERS = 256
"""How many of the nearest examples have a say when they decide a label."""
_PER_LABEL = 2
"""How many examples each label must have before examples alone decide."""
_AT_ONCE = 256
_LONGEST = 4000


class KeptExample(Record):
    """An example as it is listed."""

    example_id: str
    task: str
    input: str
    output: str
    origin: str
    created: str


class NewExample(Record):
    """An example to be kept."""

    task: str
    input: str
    output: str
    origin: Origin = "hand"
    answer_id: str = ""
    """The answer it was made from, where it was."""


Kept = list[KeptExample]
Chosen = list[Example]
Outputs = dict[str, str]
Hits = list["Hit"]


class Examples:
    """The examples of one home. Safe under threads. `knowledge` opens the knowledge base where it is first needed."""

    def __init__(self, engine: Engine, knowledge: Callable[[], KnowledgeBase]) -> None:
        self._engine = engine
        self._knowledge = knowledge
        self._changes = 0

    def add(self, examples: Sequence[NewExample]) -> int:
        """Keep examples; one with the same task and input as an old one replaces it. Returns how many.

        Raises `UsageError` for an example that cannot be used, `StoreError` where the store is out of reach.
        """
        for example in examples:
            _check(example)
        rows = {_identity(example): example for example in examples}
        for start in range(0, len(rows), _AT_ONCE):
            part = dict(list(rows.items())[start : start + _AT_ONCE])
            self._index(part)
            self._write(part)
        return len(rows)

    def list(self, task: str = "") -> Kept:
        """The examples of a task, or all of them, the newest first."""
        query = select(_examples).order_by(_examples.c.created.desc(), _examples.c.example_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(_examples.c.task == task) if task else query).all()
        return [KeptExample(**{name: getattr(row, name) for name in KeptExample.model_fields}) for row in rows]

    def changes(self) -> tuple[int, int, str]:
        """What is another after every change of the examples, here or by another process."""
        with self._engine.connect() as connection:
            count, last = connection.execute(select(func.count(), func.max(_examples.c.created))).one()
        return self._changes, int(count), str(last)

    def counts(self) -> dict[str, int]:
        """How many examples each task has; tasks without any are absent."""
        query = select(_examples.c.task, func.count()).group_by(_examples.c.task)
        with self._engine.connect() as connection:
            return {task: int(count) for task, count in connection.execute(query)}

    def remove(self, ids: Sequence[str]) -> int:
        """Forget examples by their ids. Raises `NotFoundError` for an unknown one."""
        found = {example.example_id: example.task for example in self.list()}
        for example_id in ids:
            if example_id not in found:
                raise NotFoundError(f"There is no example {example_id!r}.", "See `crossroads examples list`.")
        store = self._knowledge().store
        for example_id in ids:
            store.remove(collection(found[example_id]), example_id)
        self._changes += 1
        with writing(self._engine) as connection:
            connection.execute(delete(_examples).where(_examples.c.example_id.in_(ids)))
        return len(ids)

    def find(self, task: str, text: str, most: int, labels: Sequence[str] = ()) -> Chosen:
        """At most `most` examples of `task` near to `text` and unlike each other, the nearest last."""
        if not most or task not in self.counts():
            return []
        vector, usable, kept = self._usable(task, text, labels, _NEAREST)
        if not usable:
            return []
        chosen = pick(vector, np.stack([np.asarray(hit.vector) for hit in usable]), most)
        return [_example(usable[at].chunk, task, kept, near) for at, near in chosen]

    def vote(self, task: str, text: str, labels: Sequence[str], most: int) -> Voted | None:
        """The label the examples near to `text` give it; None where some label has too few examples to be given."""
        if len(labels) < 2 or not self._covers(task, labels):
            return None
        vector, hits, kept = self._usable(task, text, labels, _VOTERS)
        if not hits:
            return None
        vectors = np.stack([np.asarray(hit.vector) for hit in hits])
        label, lead = vote(vector, vectors, [kept[hit.chunk.document_id] for hit in hits])
        shown = [_example(hit.chunk, task, kept, hit.similarity) for hit in hits[:most]]
        return Voted(label=label, lead=lead, voters=len(hits), examples=shown[::-1])

    def _covers(self, task: str, labels: Sequence[str]) -> bool:
        query = select(_examples.c.output, func.count()).where(_examples.c.task == task).group_by(_examples.c.output)
        with self._engine.connect() as connection:
            counts = {output: int(count) for output, count in connection.execute(query)}
        return all(counts.get(label, 0) >= _PER_LABEL for label in labels)

    def _usable(self, task: str, text: str, labels: Sequence[str], most: int) -> tuple[Vectors, Hits, Outputs]:
        """The vector of the text, the nearest examples that fit the labels, each with its own vector, and outputs."""
        from assistant.knowledge.indexing import embed

        knowledge, vector = self._knowledge(), self._vector(text)
        if vector is None:
            return np.zeros(0, dtype=np.float32), [], {}
        hits = knowledge.store.search(collection(task), text, vector, most, 1.0)
        kept = self._outputs([hit.chunk.document_id for hit in hits])
        fitting = [hit for hit in hits if _fits(kept.get(hit.chunk.document_id), labels)]
        bare = [hit for hit in fitting if hit.vector is None]
        vectors = iter(embed(knowledge.embeddings, [hit.chunk.text for hit in bare])) if bare else iter(())
        return vector, [hit if hit.vector is not None else replace(hit, vector=next(vectors)) for hit in fitting], kept

    def nearest(self, task: str, text: str) -> float:
        """Cosine of the nearest example of `task`; 0 where there is none. One search, no reading."""
        if task not in self.counts():
            return 0.0
        vector = self._vector(text)
        if vector is None:
            return 0.0
        hits = self._knowledge().store.search(collection(task), text, vector, 1, 1.0)
        return max((hit.similarity for hit in hits), default=0.0)

    def learn(self, question: str, answer: Answer, origin: Origin) -> bool:
        """Keep a good answer as an example; False for one that is none: a refusal, or one that rests on documents.

        What stands in a document stays there: an example is shown with other questions, perhaps to other people.
        """
        if answer.abstained or answer.stopped or (answer.citations and not answer.task) or not answer.text.strip():
            return False
        from graphs.tasks import find_task

        task = find_task(question) if answer.task else None
        asked = task.text if task else question
        if len(asked) > _LONGEST or answer.task == "summarise":
            return False
        output = json.dumps(answer.data, ensure_ascii=False) if answer.data else answer.text
        kind = answer.task or "answer"
        new = NewExample(task=kind, input=asked, output=output, origin=origin, answer_id=answer.answer_id)
        return bool(self.add([new]))

    def unlearn(self, answer_id: str) -> int:
        """Forget what was kept of an answer. Returns how many examples that were."""
        with self._engine.connect() as connection:
            query = select(_examples.c.example_id).where(_examples.c.answer_id == answer_id)
            ids = [row[0] for row in connection.execute(query)]
        return self.remove(ids) if ids and answer_id else 0

    def _vector(self, text: str) -> NDArray[np.float32] | None:
        """The vector of a text; None where the embedding model fails now, which must not end a turn."""
        from assistant.knowledge.indexing import embed

        try:
            return np.asarray(embed(self._knowledge().embeddings, [text])[0])
        except ModelError as error:
            log.warning("No examples are looked for: %s", error)
            return None

    def _index(self, rows: dict[str, NewExample]) -> None:
        from assistant.knowledge.indexing import embed
        from assistant.knowledge.types import Chunk

        knowledge = self._knowledge()
        vectors = embed(knowledge.embeddings, [example.input for example in rows.values()])
        for task in {example.task for example in rows.values()}:
            own = [at for at, example in enumerate(rows.values()) if example.task == task]
            ids = list(rows)
            chunks = [
                Chunk(ids[at], ids[at], f"example:{ids[at]}", task, rows[ids[at]].input, 0, len(rows[ids[at]].input))
                for at in own
            ]
            knowledge.store.put(collection(task), chunks, vectors[own])

    def _write(self, rows: dict[str, NewExample]) -> None:
        self._changes += 1
        created = datetime.now(UTC).isoformat(timespec="seconds")
        values = [{"example_id": key, "created": created, **example.model_dump()} for key, example in rows.items()]
        with writing(self._engine) as connection:
            connection.execute(delete(_examples).where(_examples.c.example_id.in_(list(rows))))
            connection.execute(insert(_examples), values)

    def _outputs(self, ids: Sequence[str]) -> Outputs:
        query = select(_examples.c.example_id, _examples.c.output).where(_examples.c.example_id.in_(ids))
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}


def read_examples(file: Path, task: str = "") -> list[NewExample]:
    """The examples of a JSON Lines file: rows with `input` and `output` (or `target`), and `task` where none is given.

    Raises `UsageError` naming the line at fault.
    """
    from eval.sample import read_rows

    found = []
    for number, row in read_rows(file):
        output = row.get("output", row.get("target"))
        output = output[0] if isinstance(output, list) and output else output
        if not isinstance(row.get("input"), str) or not isinstance(output, str):
            raise UsageError(f"{file}, line {number} is no example.", "A row has `input` and `output`, both text.")
        example = NewExample(task=str(row.get("task") or task), input=row["input"], output=output, origin="file")
        try:
            _check(example)
        except UsageError as error:
            raise UsageError(f"{file}, line {number}: {error.message}", error.cure) from None
        found.append(example)
    return found


def collection(task: str) -> str:
    """The store's collection that holds the examples of a task; no document collection can be called so."""
    return f"0-examples-{task}"


def _example(chunk: Chunk, task: str, kept: dict[str, str], near: float) -> Example:
    key = chunk.document_id
    return Example(example_id=key, task=task, input=chunk.text, output=kept[key], similarity=round(near, 4))


def _identity(example: NewExample) -> str:
    text = f"{example.task}\n{' '.join(example.input.split())}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fits(output: str | None, labels: Sequence[str]) -> bool:
    return output is not None and (not labels or output in labels)


def _check(example: NewExample) -> None:
    if example.task not in KINDS:
        raise UsageError(f"There are no examples of {example.task!r}.", f"Choose one of {', '.join(KINDS)}.")
    for name, value in (("input", example.input), ("output", example.output)):
        if not value.strip() or len(value) > _LONGEST:
            raise UsageError(
                f"The {name} of an example has {len(value):,} characters.", f"Write 1 to {_LONGEST:,} characters."
            )
