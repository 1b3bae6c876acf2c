"""Prompts are files beside this one: a front matter with `version`, then the text; each answer records its own."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from graphs.answer import PromptRef


@cache
def load_prompt(name: str) -> tuple[str, PromptRef]:
    """The text of prompt `name` and its reference (name, version, sha256 of the file)."""
    raw = files("graphs.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")
    head, _, body = raw.removeprefix("---\n").partition("\n---\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    digest = hashlib.sha256(raw.encode()).hexdigest()
    return body.strip(), PromptRef(name=name, version=fields["version"], sha256=digest)
