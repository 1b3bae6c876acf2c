"""Prompts are files beside this one: a front matter with `version`, then the text; each answer records its own.

`NAME.md` is the one in use, `NAME@VERSION.md` an earlier or a coming one. Any of them, or a file of your own, can be
put in its place for a while (`instead`), which is how two versions are compared: for the turns begun meanwhile by
whoever compares, nobody else's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from graphs.answer import PromptRef
from graphs.errors import NotFoundError, UsageError

_instead: ContextVar[dict[str, str]] = ContextVar("instead", default={})  # noqa: B039 - never changed, only replaced
"""Prompt → text of the file that stands in for it here; a turn has the context of whoever asked."""


@dataclass(frozen=True)
class Version:
    """A version of a prompt that does not ship: the prompt it is of, and the whole text, front matter included."""

    name: str
    raw: str


def load_prompt(name: str) -> tuple[str, PromptRef]:
    """The text of prompt `name` and its reference (name, version, sha256 of the file)."""
    standing_in = _instead.get()
    return parse(name, standing_in[name]) if name in standing_in else _shipped(name)


@cache
def _shipped(name: str) -> tuple[str, PromptRef]:
    return parse(name, files("graphs.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8"))


def parse(name: str, raw: str) -> tuple[str, PromptRef]:
    """Text and reference of a prompt file. Raises `UsageError` where it has no front matter with a version."""
    head, _, body = raw.removeprefix("---\n").partition("\n---\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    if not raw.startswith("---\n") or "version" not in fields or not body.strip():
        raise UsageError(f"The prompt {name!r} has no version or no text.", "Begin it with ---, version: 1, ---.")
    digest = hashlib.sha256(raw.encode()).hexdigest()
    return body.strip(), PromptRef(name=name.partition("@")[0], version=fields["version"], sha256=digest)


def instead_now() -> dict[str, str]:
    """Prompt → sha256 of what stands in for it now; empty where every prompt is the one that ships."""
    return {name: hashlib.sha256(raw.encode()).hexdigest() for name, raw in _instead.get().items()}


def names() -> list[str]:
    """Every prompt file that ships, versions beside the one in use included, sorted."""
    found = [entry.name for entry in files("graphs.prompts").iterdir() if entry.name.endswith(".md")]
    return sorted(name.removesuffix(".md") for name in found)


def read(reference: str | Version) -> tuple[str, str]:
    """The name a reference stands for and the raw text: `passages`, `passages@2`, or a file called like one of them.

    Raises `NotFoundError` where there is neither.
    """
    if isinstance(reference, Version):
        return reference.name, reference.raw
    path = Path(reference)
    if path.suffix == ".md" and path.is_file():
        return path.stem.partition("@")[0], path.read_text(encoding="utf-8")
    return read_shipped(reference)


def read_shipped(reference: str) -> tuple[str, str]:
    """As `read`, and never a file that does not ship. Raises `NotFoundError`."""
    if reference not in names():
        raise NotFoundError(f"There is no prompt {reference!r}.", f"There are: {', '.join(names())}.")
    raw = files("graphs.prompts").joinpath(f"{reference}.md").read_text(encoding="utf-8")
    return reference.partition("@")[0], raw


@contextmanager
def instead(reference: str | Version) -> Iterator[PromptRef]:
    """Let a version stand in for its prompt until the block ends, for what is begun within it and nothing else."""
    name, raw = read(reference)
    _, found = parse(name, raw)
    if name not in names():
        raise NotFoundError(f"{name!r} is called like no prompt there is.", f"There are: {', '.join(names())}.")
    before = _instead.set({**_instead.get(), name: raw})
    try:
        yield found
    finally:
        _instead.reset(before)


def passages_message(question: str, passages: Sequence[str]) -> str:
    """What the model is shown on the documents paths: the numbered passages, then the question."""
    shown = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(passages, 1))
    return f"{shown}\n\nQuestion: {question}"
