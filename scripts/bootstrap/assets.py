"""What is fetched beside the packages: the models and Weaviate, and what is known of their size beforehand."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from .console import Console, size
from .errors import SetupError
from .jobs import Job, Jobs
from .places import PYTHON, ROOT, cache_folder

WEAVIATE_BINARY_BYTES = 144_000_000
GO_MODULES_BYTES = 420_000_000
"""What `go install` of Weaviate 1.38 downloads."""
GO_MINIMUM = (1, 26)


@dataclass
class Fetch:
    """One step of `scripts/fetch.py` under way, and what it said."""

    job: Job
    name: str
    files: list[Path] = field(default_factory=list)
    done: str = ""
    error: str = ""
    cure: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ended well. Only for a job that is over."""
        return self.job.code == 0 and bool(self.done)

    def reason(self) -> str:
        """Why it failed, with the cure where one was given."""
        said = self.error or (self.job.tail[-1] if self.job.tail else f"ended with {self.job.code}")
        return f"{said} {self.cure}".strip()


def start(jobs: Jobs, name: str, step: str) -> Fetch:
    """Start a step; its lines move the console."""
    fetch: list[Fetch] = []
    early: list[str] = []

    def on_line(line: str) -> None:
        if fetch:
            _take(fetch[0], line, jobs.console)
        else:
            early.append(line)

    job = jobs.start(name, [PYTHON, ROOT / "scripts" / "fetch.py", step], on_line)
    fetch.append(Fetch(job, name))
    for line in early:
        _take(fetch[0], line, jobs.console)
    return fetch[0]


def _take(fetch: Fetch, line: str, console: Console) -> None:
    try:
        said = json.loads(line)
    except ValueError:
        return  # a library's own words; the last lines are kept for the case of a failure
    if not isinstance(said, dict):
        return
    if "status" in said:
        console.status(fetch.name, said["status"])
    if "notice" in said:
        console.line(f"  {fetch.name:<9} {said['notice']}")
    if "done" in said:
        console.rest(fetch.name)
    fetch.done = said.get("done", fetch.done)
    fetch.files += [Path(name) for name in said.get("files", [])]
    fetch.error, fetch.cure = said.get("error", fetch.error), said.get("cure", fetch.cure)


def describe_models() -> tuple[str, int]:
    """What the default models are and how much of them has to be fetched, in words and bytes."""
    catalogue = _catalogue()
    words, missing = [], 0
    for model in (catalogue.CHAT, catalogue.EMBEDDING):
        folder = cache_folder() / "models" / model.name
        there = all((folder / file.path).is_file() for file in model.files)
        words.append(f"{model.title} {'there' if there else size(model.package_size)}")
        missing += 0 if there else model.package_size
    return ", ".join(words), missing


def _catalogue() -> ModuleType:
    """`assistant.models.catalogue` by its file: its package needs libraries that are not installed yet."""
    sys.path.insert(0, str(ROOT))
    try:
        name = "crossroads_catalogue"
        spec = importlib.util.spec_from_file_location(name, ROOT / "assistant" / "models" / "catalogue.py")
        if spec is None or spec.loader is None:
            raise SetupError("The catalogue of models cannot be read.", "Is this clone complete? Try `git status`.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(ROOT))


def describe_weaviate() -> tuple[str, int]:
    """Whether Weaviate's binary is there, else how it will be had, in words and bytes at most."""
    if any((cache_folder() / "bin").glob("weaviate-v*")):
        return "there", 0
    builder = "the Go on this machine" if shutil.which("go") else "Go, fetched as a Python package,"
    words = (
        f"its release binary (about {size(WEAVIATE_BINARY_BYTES)}); where that cannot be had, a build with "
        f"{builder} (about {size(GO_MODULES_BYTES)}, some minutes)"
    )
    return words, GO_MODULES_BYTES
