"""Prompts are files beside this one: a front matter with `version`, then the text; each answer records its own.

`NAME.md` is the one in use, `NAME@VERSION.md` an earlier or a coming one. Any of them, or a file of your own, can be
put in its place for a while (`instead`), which is how two versions are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

from graphs.answer import PromptRef
from graphs.errors import NotFoundError, UsageError

_instead: dict[str, str] = {}
"""Prompt → text of the file that stands in for it now."""


def load_prompt(name: str) -> tuple[str, PromptRef]:
    """The text of prompt `name` and its reference (name, version, sha256 of the file)."""
    return parse(name, _instead[name]) if name in _instead else _shipped(name)


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
    return {name: hashlib.sha256(raw.encode()).hexdigest() for name, raw in _instead.items()}


def names() -> list[str]:
    """Every prompt file that ships, versions beside the one in use included, sorted."""
    found = [entry.name for entry in files("graphs.prompts").iterdir() if entry.name.endswith(".md")]
    return sorted(name.removesuffix(".md") for name in found)


def read(reference: str) -> tuple[str, str]:
    """The name a reference stands for and the raw text: `passages`, `passages@2`, or a file called like one of them.

    Raises `NotFoundError` where there is neither.
    """
    path = Path(reference)
    if path.suffix == ".md" and path.is_file():
        return path.stem.partition("@")[0], path.read_text(encoding="utf-8")
    if reference not in names():
        raise NotFoundError(f"There is no prompt {reference!r}.", f"There are: {', '.join(names())}; or name a file.")
    raw = files("graphs.prompts").joinpath(f"{reference}.md").read_text(encoding="utf-8")
    return reference.partition("@")[0], raw


@contextmanager
def instead(reference: str) -> Iterator[PromptRef]:
    """Let a version stand in for its prompt, in the whole process, until the block ends."""
    name, raw = read(reference)
    _, found = parse(name, raw)
    if name not in names():
        raise NotFoundError(f"{reference!r} is called like no prompt there is.", f"There are: {', '.join(names())}.")
    before = _instead.get(name)
    _instead[name] = raw
    try:
        yield found
    finally:
        _instead.pop(name)
        if before is not None:
            _instead[name] = before


def passages_message(question: str, passages: Sequence[str]) -> str:
    """What the model is shown on the documents paths: the numbered passages, then the question."""
    shown = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(passages, 1))
    return f"{shown}\n\nQuestion: {question}"
