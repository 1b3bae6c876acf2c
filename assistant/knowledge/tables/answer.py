"""Answer a question by computing on a loaded table, in words that say what was computed, citing its rows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from assistant.knowledge.formats import format_of
from assistant.knowledge.places import place_in
from assistant.knowledge.tables.question import Condition, Query, Unclear, asks_to_compute, names_of, parse
from graphs.answer import Citation, TableAnswer

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase
    from assistant.knowledge.tables.compute import Result, Table
    from assistant.knowledge.types import DocumentInfo, StoredDocument

_CITED = 5
_LISTED = 20
_KEPT = 8
"""Tables held ready at once."""
_WORDS = {"sum": "sum", "mean": "average", "median": "median", "min": "lowest", "max": "highest"}
_SIGNS = {"=": "is", "!=": "is not", ">": "is over", ">=": "is at least", "<": "is under", "<=": "is at most"}


@dataclass(frozen=True)
class _Candidate:
    info: DocumentInfo
    index: int
    facts: dict[str, Any]
    names: tuple[str, ...]
    rank: int
    """2 where the question names the file, 1 where it names what the table holds, 0 where neither."""

    @property
    def called(self) -> str:
        file = PurePath(self.info.source.replace("\\", "/")).name
        several = len(self.info.metadata["tables"]) > 1
        return f"{file}, sheet {self.facts['name']}" if several else file


class KnowledgeTables:
    """The tables of one collection. Safe under threads."""

    def __init__(self, knowledge: KnowledgeBase, collection: str) -> None:
        self.knowledge = knowledge
        self.collection = collection

    def answer(self, question: str) -> TableAnswer | None:
        """The answer where a question asks for a computation on a table; None where it does not.

        A question that names a table and asks for what it does not have gets an answer that says so.
        """
        if not asks_to_compute(question):
            return None
        candidates = self._candidates(question)
        best: tuple[_Candidate, Unclear] | None = None
        for candidate in candidates:
            table = self._table(candidate)
            query = parse(question, table.columns, candidate.names)
            if isinstance(query, Query):
                if query.conditions or query.column or (candidate.rank and query.measure != "rows"):
                    return self._computed(candidate, table, query)
            elif candidate.rank == 2 and best is None:
                best = candidate, query
        return _unknown(*best) if best else None

    def _candidates(self, question: str) -> list[_Candidate]:
        """The tables the question may mean, those it names first; where it names a file, that one alone."""
        asked = " ".join(question.lower().replace("_", " ").split())
        found = []
        for info in self.knowledge.documents(self.collection):
            for index, facts in enumerate(info.metadata.get("tables", ())):
                file = PurePath(info.source.replace("\\", "/")).name
                names = names_of(file, str(facts["name"]))
                rank = max((2 if sure else 1 for name, sure in names.items() if _stands(name, asked)), default=0)
                if rank or _mentions_columns(asked, facts["columns"]):
                    found.append(_Candidate(info, index, facts, tuple(names), rank))
        most = max((candidate.rank for candidate in found), default=0)
        return [candidate for candidate in found if candidate.rank == most][:_KEPT]

    def _table(self, candidate: _Candidate) -> Table:
        return _ready(self.knowledge, candidate)

    def _computed(self, candidate: _Candidate, table: Table, query: Query) -> TableAnswer:
        from assistant.knowledge.tables.compute import run

        result = run(table, query)
        document = self.knowledge.document(candidate.info.document_id)
        rows = [result.best] if result.best is not None else list(result.rows)
        citations = [_citation(document, candidate, row, number) for number, row in enumerate(rows[:_CITED], 1)]
        text = _sentence(candidate, table, query, result)[:-1]
        if query.measure == "rows" and citations:
            text += ":\n\n" + "\n".join(f"- {citation.snippet} {citation.marker}" for citation in citations)
            text += f"\n\n… and {len(rows) - _CITED:,} more." if len(rows) > _CITED else ""
        else:
            text += "".join(f" {citation.marker}" for citation in citations) + "."
        return TableAnswer(table=candidate.called, text=text, citations=citations)


_held: OrderedDict[tuple[str, int], Table] = OrderedDict()
_lock = threading.Lock()


def _ready(knowledge: KnowledgeBase, candidate: _Candidate) -> Table:
    """The table with its values, read anew from the original file where it is not held."""
    from assistant.knowledge.loaders.worker import Worker
    from assistant.knowledge.tables.compute import table_of

    key = candidate.info.sha256, candidate.index
    with _lock:
        if key in _held:
            _held.move_to_end(key)
            return _held[key]
    original = knowledge.original(candidate.info.document_id)
    data = original.read_bytes() if original else b""
    worker = Worker()
    try:
        sheets = worker.tables(data, original.name if original else "")
    finally:
        worker.close()
    sheet = sheets[candidate.index]
    header = int(candidate.facts["header_row"])
    first_row = 1 if header else 0  # records have no row of headers of their own
    table = table_of(max(0, header - 1), sheet["rows"], candidate.facts["columns"], first_row)
    with _lock:
        _held[key] = table
        while len(_held) > _KEPT:
            _held.popitem(last=False)
    return table


def _stands(name: str, asked: str) -> bool:
    import re

    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", asked) is not None


def _mentions_columns(asked: str, columns: Sequence[str]) -> bool:
    return any(len(name) > 2 and _stands(" ".join(name.lower().replace("_", " ").split()), asked) for name in columns)


def _sentence(candidate: _Candidate, table: Table, query: Query, result: Result) -> str:
    """What was computed and from how many rows; never a number without where it comes from."""
    where = _where(query.conditions)
    everything = len(table.frame)
    if query.group:
        return _grouped(candidate, query, result, where)
    if query.measure in ("count", "rows"):
        of = f"{_number(result.value)} of {everything:,} rows in {candidate.called}"
        return f"{of} {where}." if where else f"{candidate.called} has {everything:,} rows."
    if result.value is None:
        lacks = where or f"has a value in “{query.column}”"
        return f"No row in {candidate.called} {lacks}, so there is nothing to compute."
    skipped = f" ({result.skipped:,} more have no value there)" if result.skipped else ""
    among = f" where {where.removeprefix('where ')}" if where else ""
    rows = f"{len(result.rows):,} row{'s' * (len(result.rows) != 1)}"
    return (
        f"The {_WORDS[query.measure]} “{query.column}”{among} in {candidate.called} is {_number(result.value)}, "
        f"computed from {rows}{skipped}."
    )


def _grouped(candidate: _Candidate, query: Query, result: Result, where: str) -> str:
    what = f"the {_WORDS[query.measure]} “{query.column}”" if query.column else "the number of rows"
    shown = "; ".join(f"{key}: {_number(value)}" for key, value in result.groups[:_LISTED])
    more = f"; and {len(result.groups) - _LISTED} more" if len(result.groups) > _LISTED else ""
    among = f" {where}" if where else ""
    return f"By “{query.group}”, {what}{among} in {candidate.called}: {shown}{more}."


def _where(conditions: Sequence[Condition]) -> str:
    parts = [f"“{item.column}” {_SIGNS[item.compare]} {_number(item.value)}" for item in conditions]
    return f"where {' and '.join(parts)}" if parts else ""


def _number(value: float | str | None) -> str:
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e15 else f"{round(value, 4):,}"
    return str(value)


def _unknown(candidate: _Candidate, unclear: Unclear) -> TableAnswer:
    columns = ", ".join(f"“{name}”" for name in candidate.facts["columns"][:30])
    text = f"I don't know: I looked in {candidate.called}, and {unclear.reason}. Its columns are {columns}."
    return TableAnswer(table=candidate.called, text=text, abstained=True)


def _citation(document: StoredDocument, candidate: _Candidate, row: int, number: int) -> Citation:
    """The row as it is stored: line n of its sheet is row n."""
    info = document.info
    page = document.pages[candidate.index] if document.pages else None
    start, finish = (page.start, page.end) if page else (0, len(document.text))
    for _ in range(row - 1):
        start = document.text.index("\n", start) + 1
    end = document.text.find("\n", start, finish)
    end = finish if end < 0 else end
    return Citation(
        marker=f"[{number}]",
        chunk_id=f"{info.document_id}#{format_of(info.media_type).line}-{row}",
        document_id=info.document_id,
        source=info.source,
        title=info.title,
        page=page.number if page else None,
        start=start,
        end=end,
        snippet=document.text[start:end],
        score=1.0,
        place=place_in(document, start, end),
    )
