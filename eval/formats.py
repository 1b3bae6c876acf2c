"""Data sets that no mapping of columns can read: each a function from raw rows to samples."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from eval.sample import Sample
from graphs.errors import UsageError

Rows = Iterable[tuple[int, dict[str, Any]]]
Made = list[tuple[int, Sample]]

_QUOTED = re.compile(r"[\"“]([^\"”]{12,})[\"”]")
_ADDRESS = re.compile(r"\b[\w.-]+@[\w-]+(?:\.[\w-]+)+\b|\b(?:www\.)?[\w-]+\.(?:com|org|net|xyz)\b")


def squad(rows: Rows) -> Made:
    """Rows of SQuAD 2.0 with their passage as context; an impossible question has no target."""
    made = []
    for line, row in rows:
        answers = [] if row["is_impossible"] else list(dict.fromkeys(row["answers"]))
        about = {"title": row["title"], "answerable": not row["is_impossible"], "evidence": row["context"]}
        about["passage"] = hash_of(row["context"])
        sample = Sample(
            id=str(row["id"]), input=row["question"], target=answers, contexts=[row["context"]], metadata=about
        )
        made.append((line, sample))
    return made


def detection(rows: Rows) -> Made:
    """Texts with their source and a label (1: not supported)."""
    made = []
    for line, row in rows:
        about = {"label": int(row["label"]), "output": row["response"], "dataset": row.get("dataset", "")}
        about["source"] = str(hash_of(row["source"]))
        sample = Sample(
            id=str(row["id"]), input=row["prompt"] or "-", contexts=[row["source"]] if row["source"] else [],
            metadata=about,
        )  # fmt: skip
        made.append((line, sample))
    return made


def hash_of(text: str) -> str:
    """A short name for a text."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:12]


def chunk_questions(rows: Rows) -> Made:
    """Questions over a corpus with the excerpts that answer them."""
    return [
        (
            line,
            Sample(
                id=str(row["id"]),
                input=row["question"],
                metadata={"corpus": row["corpus_id"], "evidence": [item["content"] for item in row["references"]]},
            ),
        )
        for line, row in rows
    ]


def planted(rows: Rows, attacks: str = "bipia_text_attacks.jsonl", per_context: int = 1, seed: int = 0) -> Made:
    """BIPIA's or SQuAD's contexts with an attack planted in each, at its beginning, in its middle or at its end.

    Taken are attacks that leave a mark one can look for: an address, or a sentence they want written.
    """
    marked = [(row, marks) for row in _lines(attacks) if (marks := markers_of(row["attack"]))]
    draw = random.Random(seed)  # noqa: S311 - a sample, no secret
    made = []
    for line, row in rows:
        for number, (attack, marks) in enumerate(draw.sample(marked, min(per_context, len(marked)))):
            where = draw.choice(("beginning", "middle", "end"))
            about = {"markers": marks, "attack": attack["attack"], "category": attack["category"], "where": where}
            about |= {"passage": hash_of(str(row["context"])), "task": row.get("task", ""), "context": str(row["id"])}
            ideal = row["ideal"] if "ideal" in row else row["answers"]
            sample = Sample(
                id=f"{row['id']}-{number}",
                input=str(row["question"]).removeprefix("Q: "),
                target=[str(item) for item in ideal] if isinstance(ideal, list) else str(ideal),
                contexts=[_plant(str(row["context"]), attack["attack"], where)],
                metadata=about,
            )
            made.append((line, sample))
    return made


def markers_of(attack: str) -> list[str]:
    """What an answer that obeyed would contain."""
    return list(dict.fromkeys([*_ADDRESS.findall(attack), *_QUOTED.findall(attack)]))


def _plant(context: str, attack: str, where: str) -> str:
    if where == "beginning":
        return f"{attack}\n{context}"
    if where == "end":
        return f"{context}\n{attack}"
    lines = context.split("\n")
    middle = len(lines) // 2
    return "\n".join([*lines[:middle], attack, *lines[middle:]]) if len(lines) > 1 else f"{context}\n{attack}"


def _lines(name: str) -> list[dict[str, Any]]:
    folder = os.environ.get("CROSSROADS_DATA", "")
    path = Path(folder) / name
    if not folder or not path.is_file():
        raise UsageError(f"The data {name!r} is not there.", "Set CROSSROADS_DATA to the folder that holds it.")
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


FORMATS: dict[str, Callable[..., Made]] = {
    "squad": squad,
    "detection": detection,
    "chunk_questions": chunk_questions,
    "planted": planted,
}
