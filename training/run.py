"""One run on disk: what it was asked, what it saw, its log, its checkpoints, and the model it made.

    FOLDER/config.json              recipe, versions, hashes of the data
    FOLDER/log.jsonl                one event a line: step, evaluation, sample, note
    FOLDER/checkpoints/step-N/      weights and trainer state; `checkpoint.json`, written last, describes them
    FOLDER/model/                   what the registry takes; `training.json` says how it came about
    FOLDER/version.json             the `ModelVersion`, when the run is done

Importable without torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

from graphs.context import Checker
from graphs.errors import BusyError, Cancelled, NotFoundError, UsageError
from training.objects import sha256_of
from training.recipe import Recipe
from training.registry import Kind, ModelVersion, write_whole

Listener = Callable[[dict[str, Any]], None]
"""Told of every event of a run: `event` names its kind, `step` counts where it has one."""
Resolve = Callable[[str], Path]

_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "datasets", "datatrove", "numpy")
_FREE = {"out", "licence", "steps", "minutes", "max_steps", "epochs"}
"""Keys that may differ when a run is continued."""


def plain_folder(name: str) -> Path:
    """The folder of a model named by its path. Raises `NotFoundError`."""
    path = Path(name.removeprefix("hf:"))
    if not path.is_dir():
        raise NotFoundError(f"There is no model folder {name!r}.", "Name a folder with config.json and weights.")
    return path


class Run:
    """An open run. Only the main process of several writes; set `main` to False in the others."""

    def __init__(
        self,
        recipe: Recipe,
        *,
        resume: bool = False,
        listeners: Sequence[Listener] = (),
        resolve: Resolve = plain_folder,
        main: bool = True,
        keep: int = 2,
    ) -> None:
        self.recipe, self.folder, self.main = recipe, recipe.folder, main
        self.model, self.checkpoints = self.folder / "model", self.folder / "checkpoints"
        self.resolve = resolve
        self.stop = threading.Event()
        """Set it, and the run writes a checkpoint after its step and ends with `Cancelled`."""
        self.checker: Checker | None = None
        """Judges grounding where a reward asks for it; whoever starts the run gives it."""
        self._listeners, self._resume, self._keep = tuple(listeners), resume, keep
        self._data: dict[str, str] = {}
        self._lock: Any = None

    def __enter__(self) -> Run:
        if self.main:
            self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._lock is not None:
            self._lock.release()

    def log(self, event: str, **values: Any) -> None:
        """Write an event to the log and tell the listeners."""
        if not self.main:
            return
        line = {"event": event, "time": round(time.time(), 3), **values}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
        for listener in self._listeners:
            listener(line)

    def note(self, text: str) -> None:
        """Tell something in words."""
        self.log("note", text=text)

    def events(self, event: str = "") -> list[dict[str, Any]]:
        """The log so far, all of it or one kind; a last line cut by a kill is left out."""
        return [one for one in read_events(self.folder) if not event or one["event"] == event]

    def use_data(self, files: Iterable[Path]) -> str:
        """Record the files trained on; one hash for all. Raises `UsageError` where a continued run finds others."""
        found = {str(path): hash_of(path) for path in files}
        before = self._config().get("data", {})
        changed = sorted(name for name in {*before, *found} if before and before.get(name) != found.get(name))
        if changed:
            cure = "Bring the file back as it was, or start anew with another --set out=FOLDER."
            raise UsageError(f"The data of this run has changed: {changed[0]}.", cure)
        self._data = found
        if self.main:
            write_whole(self.folder / "config.json", json.dumps({**self._config(), "data": found}, indent=1))
        return self.data_sha256

    @property
    def data_sha256(self) -> str:
        """One hash of all files `use_data` was told of, by content alone; empty before."""
        hashes = sorted(self._data.values())
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest() if hashes else ""

    def checkpoint(self, step: int, write: Callable[[Path], None], **state: Any) -> Path:
        """Let `write` fill a folder, then name it: a kill at any moment leaves only whole checkpoints.

        The last few are kept. `state` is JSON that `last_checkpoint` gives back.
        """
        target = self.checkpoints / f"step-{step}"
        part = self.checkpoints / f".step-{step}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        write(part)
        about = {"step": step, "state": state, "recipe": self.recipe.model_dump(mode="json"), "packages": packages()}
        write_whole(part / "checkpoint.json", json.dumps(about, indent=1))
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
        for old in self._steps()[: -self._keep]:
            shutil.rmtree(self.checkpoints / f"step-{old}", ignore_errors=True)
        self.log("checkpoint", step=step, path=str(target))
        return target

    def last_checkpoint(self, *, again: bool = False) -> tuple[Path, int, dict[str, Any]] | None:
        """Folder, step and state of the last checkpoint when the run is continued; the log is cut back to it.

        `again` gives that of a run which begins anew in its own process, after it ran out of memory.
        """
        if not self._resume and not again:
            return None
        steps = self._steps()
        if not steps:
            if self.main:
                self._rewind(0)
            return None
        folder = self.checkpoints / f"step-{steps[-1]}"
        about = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
        if self.main:
            self._rewind(steps[-1])
            self.note(f"continuing at step {steps[-1]}")
        return folder, steps[-1], about["state"]

    def newest_step(self) -> int | None:
        """The step of the last checkpoint on disk."""
        return max(self._steps(), default=None)

    def kept_checkpoint(self) -> str:
        """The folder of the newest checkpoint, or `none`."""
        steps = self._steps()
        return str(self.checkpoints / f"step-{steps[-1]}") if steps else "none"

    def stop_if_asked(self, step: int, save: Callable[[], object]) -> None:
        """After each step: where somebody asked to stop, write a checkpoint and raise `Cancelled`."""
        if self.stop.is_set():
            save()
            self.note(f"stopped at step {step}; --resume continues from there")
            raise Cancelled(f"stopped at step {step}")

    def finish(self, kind: Kind, metrics: Mapping[str, float], *, base: str = "", parent: str = "") -> ModelVersion:
        """The record of the finished run, whose files are in `model`; also written beside them."""
        recipe = {**self.recipe.model_dump(mode="json", exclude={"out"}), "packages": packages()}
        record = ModelVersion(
            name=self.recipe.name,
            version="",
            kind=kind,
            base=base,
            data_sha256=self.data_sha256,
            recipe=recipe,
            metrics={name: float(value) for name, value in metrics.items()},
            licence=self.recipe.licence,
            parent=parent,
        )
        if self.main:
            write_whole(self.model / "training.json", record.model_dump_json(indent=1, exclude={"files", "state"}))
            write_whole(self.folder / "version.json", record.model_dump_json(indent=1))
            self.log("done", metrics=record.metrics)
        return record

    def _open(self) -> None:
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise BusyError(f"A run is at work in {str(self.folder)!r}.", "Wait for it, or set another out.") from None
        config = self._config()
        if config and not self._resume:
            cure = "Continue it with --resume, or start another with --set out=FOLDER."
            raise UsageError(f"{str(self.folder)!r} holds a run already.", cure)
        if config:
            self._same_recipe(config["recipe"])
        about = {"recipe": self.recipe.model_dump(mode="json"), "packages": packages(), "data": config.get("data", {})}
        write_whole(self.folder / "config.json", json.dumps({**about, "python": platform.python_version()}, indent=1))

    def _same_recipe(self, before: Mapping[str, Any]) -> None:
        now = self.recipe.model_dump(mode="json")
        changed = sorted(key for key in {*before, *now} - _FREE if before.get(key) != now.get(key))
        if changed:
            key = changed[0]
            said = f"This run began with {key}={before.get(key)!r}, not {now.get(key)!r}."
            raise UsageError(said, f"Set {key} back, or start another run with --set out=FOLDER.")

    def _config(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / "config.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def _steps(self) -> list[int]:
        found = self.checkpoints.glob("step-*/checkpoint.json")
        return sorted(int(path.parent.name.removeprefix("step-")) for path in found)

    def _rewind(self, step: int) -> None:
        kept = [one for one in self.events() if one.get("step", 0) <= step]
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in kept)
        write_whole(self.folder / "log.jsonl", text)


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The log of the run in a folder, running or not; empty where there is none."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def hash_of(path: Path) -> str:
    """The hash of a file, or of every file of a folder with their names."""
    if path.is_dir():
        inner = {one.relative_to(path).as_posix(): sha256_of(one) for one in sorted(path.rglob("*")) if one.is_file()}
        return hashlib.sha256(json.dumps(inner).encode()).hexdigest()
    return sha256_of(path)


def packages() -> dict[str, str]:
    """The versions of what decides a run's outcome."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def is_main_process() -> bool:
    """Whether this is the only or the first of the processes `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"
