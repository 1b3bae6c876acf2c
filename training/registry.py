"""The registry of trained models: what each version is, where it came from, and which one is live.

    FOLDER/NAME/VERSION/            the files of one version, and `version.json`; `.gate.json` what the gate said of it
    FOLDER/NAME/live.json           which version is live, which were before (for a rollback), and every promotion
    FOLDER/.objects/                every file once, under its sha256; the versions hold hard links

Importable without torch. Everything is JSON; nothing is pickled. A version's folder appears whole or not at all, and
`live.json` is replaced in one step, so a crash leaves the registry as it was before or as it is after.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from graphs.errors import BusyError, NotFoundError, StorageError, UsageError
from training.objects import Objects, sha256_of
from training.versions import GateVerdict, Kind, Live, ModelVersion, Promotion, State, why_not

__all__ = [
    "GateVerdict",
    "Kind",
    "ModelVersion",
    "Promotion",
    "Registry",
    "State",
    "content_sha256",
    "why_not",
    "write_whole",
]

Names = list[str]

_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
_RECORD = "version.json"
_LIVE = "live.json"
_GATE = ".gate.json"
_RETIRED = ".retired"


class Registry:
    """Versions of models in one folder. Every method that writes holds the registry's lock.

    Raises `UsageError` for names that cannot be used, `NotFoundError` for what is not there, `StorageError` where the
    folder cannot be written, `BusyError` where another process does not let go of it.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._objects = Objects(folder)

    def names(self) -> Names:
        """Names that have at least one version, sorted."""
        if not self._root.is_dir():
            return []
        return sorted(
            path.name
            for path in self._root.iterdir()
            if path.is_dir() and not path.name.startswith(".") and self._versions(path.name)
        )

    def list(self, name: str = "") -> list[ModelVersion]:
        """Versions of one name, or of all; oldest first."""
        names = [name] if name else self.names()
        return [self.show(each, version) for each in names for version in self._versions(each)]

    def show(self, name: str, version: str = "") -> ModelVersion:
        """One version; without `version` the live one, else the newest."""
        wanted = version or self._pointer(name).version or (self._versions(name) or [""])[-1]
        path = self._path(name, wanted) / _RECORD if wanted else None
        if path is None or not path.is_file():
            raise self._unknown(name, version)
        try:
            record = ModelVersion.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            cure = "Remove this version and register it again."
            raise StorageError(f"{str(path)!r} is damaged: {error}.", cure) from error
        return record.model_copy(update={"state": self._state(record), "gate": self._gate(record)})

    def live(self, name: str) -> ModelVersion | None:
        """The live version of a name, or None."""
        if not _NAME.match(name) or not self._pointer(name).version:
            return None
        return self.show(name, self._pointer(name).version)

    def folder(self, name: str, version: str) -> Path:
        """Where a version's files are."""
        self.show(name, version)
        return self._path(name, version)

    def add(self, source: Path, version: ModelVersion) -> ModelVersion:
        """Copy the files of `source` in as a candidate and hash each; the finished record.

        The files in the record and its state are set here. An empty `version.version` becomes the next number.
        Adding the same version again with the same files changes nothing; with other files it is refused.
        """
        if not source.is_dir() or not any(path.is_file() for path in source.rglob("*")):
            raise UsageError(f"{str(source)!r} is not a folder with files.", "Name the folder training wrote.")
        with self._locked():
            number = version.version or self._next(version.name)
            target = self._path(version.name, number)
            if target.exists():
                return self._again(source, version.name, number)
            part = target.with_name(f".{number}.part")
            shutil.rmtree(part, ignore_errors=True)  # what a crash left
            files = {name: self._objects.put(source / name, part / name) for name in _names(source)}
            changes = {"version": number, "files": files, "state": "candidate", "gate": None}
            record = version.model_copy(update={**changes, "created": version.created or _now()})
            write_whole(part / _RECORD, record.model_dump_json(indent=1))
            part.replace(target)
            return record

    def judge(self, name: str, version: str, verdict: GateVerdict) -> ModelVersion:
        """Record what the gate said of a version; the last word counts."""
        self.show(name, version)
        with self._locked():
            record = verdict.model_copy(update={"when": verdict.when or _now()})
            write_whole(self._path(name, version) / _GATE, record.model_dump_json(indent=1))
        return self.show(name, version)

    def promote(self, name: str, version: str, override: str = "") -> ModelVersion:
        """Make a version live; the one that was live is retired and kept for a rollback.

        Raises `UsageError` where the gate has not passed it, unless `override` says why it goes live all the same;
        that is kept in the history.
        """
        record = self.show(name, version)
        why, override = why_not(record), override.strip()
        if why and not override:
            cure = "Give the gate's verdict with --gate FILE, or say why it may go live with --override."
            raise UsageError(f"{name!r} {version!r} cannot go live: {why}.", cure)
        verdict = record.gate or GateVerdict(verdict="none")
        step = Promotion(
            version=version, when=_now(), verdict=verdict.verdict, run=verdict.run, override=override if why else ""
        )
        with self._locked():
            pointer = self._pointer(name)
            if pointer.version != version:
                before = [*pointer.before, pointer.version] if pointer.version else pointer.before
                before = [each for each in before if each != version]
                self._point(name, Live(version=version, before=before, history=[*pointer.history, step]))
        return self.show(name, version)

    def rollback(self, name: str, why: str = "") -> ModelVersion:
        """Make the version live that was live before this one; this one is retired."""
        with self._locked():
            pointer = self._pointer(name)
            if not pointer.before:
                raise UsageError(f"{name!r} has no earlier live version.", "See `crossroads models show NAME`.")
            *before, last = pointer.before
            verdict = self.show(name, last).gate
            said = verdict.verdict if verdict else "none"
            step = Promotion(version=last, when=_now(), verdict=said, rollback=True, why=why)
            self._point(name, Live(version=last, before=before, history=[*pointer.history, step]))
        return self.show(name, last)

    def withdraw(self, name: str, why: str = "") -> ModelVersion:
        """Retire the live version with none in its place: the model it stood in for answers again. Returns it."""
        with self._locked():
            pointer = self._pointer(name)
            if not pointer.version:
                raise UsageError(f"{name!r} has no live version.", "See `crossroads models show NAME`.")
            step = Promotion(version="", when=_now(), verdict="none", rollback=True, why=why)
            self._point(name, Live(history=[*pointer.history, step]))
        return self.show(name, pointer.version)

    def earlier(self, name: str) -> tuple[str, ...]:
        """The versions a rollback can bring back, the latest last."""
        return tuple(self._pointer(name).before)

    def history(self, name: str) -> tuple[Promotion, ...]:
        """Every time a version of this name went live, the first one first."""
        return tuple(self._pointer(name).history)

    def remove(self, name: str, version: str) -> None:
        """Delete a version. The live one is refused."""
        self.show(name, version)
        with self._locked():
            pointer = self._pointer(name)
            if pointer.version == version:
                cure = "Promote another version first, or roll back."
                raise UsageError(f"{name!r} {version!r} is live and cannot be removed.", cure)
            if version in pointer.before:
                before = [each for each in pointer.before if each != version]
                self._point(name, pointer.model_copy(update={"before": before}))
            gone = self._path(name, version).with_name(f".{version}.gone")
            self._path(name, version).replace(gone)  # first out of sight, then deleted
            shutil.rmtree(gone)
            self._objects.sweep()

    def verify(self, name: str, version: str) -> Names:
        """Paths of a version's files that are missing or are not what was registered; empty means all is well."""
        folder = self.folder(name, version)
        wanted, found = self.show(name, version).files, _hashes(folder)
        return sorted(path for path in wanted if found.get(path) != wanted[path])

    def _state(self, record: ModelVersion) -> State:
        pointer = self._pointer(record.name)
        if record.version == pointer.version:
            return "live"
        return "retired" if record.version in pointer.before or self._was_live(record) else "candidate"

    def _gate(self, record: ModelVersion) -> GateVerdict | None:
        path = self._path(record.name, record.version) / _GATE
        try:
            return GateVerdict.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValidationError, UnicodeDecodeError) as error:
            raise StorageError(f"{str(path)!r} is damaged: {error}.", "Delete it and ask the gate again.") from error

    def _was_live(self, record: ModelVersion) -> bool:
        return (self._path(record.name, record.version) / _RETIRED).exists()

    def _again(self, source: Path, name: str, number: str) -> ModelVersion:
        record = self.show(name, number)
        if _hashes(source) == record.files:
            return record
        raise UsageError(
            f"{name!r} has a version {number!r} with other files.", "Leave the version empty for a new one."
        )

    def _next(self, name: str) -> str:
        numbers = [int(version) for version in self._versions(name) if version.isdigit()]
        return str(max(numbers, default=0) + 1)

    def _versions(self, name: str) -> Names:
        folder = self._path(name)
        found = [p.parent.name for p in folder.glob(f"*/{_RECORD}") if not p.parent.name.startswith(".")]
        return sorted(found, key=lambda version: (not version.isdigit(), version.zfill(12)))

    def _path(self, name: str, version: str = "") -> Path:
        for part in (name, version) if version else (name,):
            if not _NAME.match(part):
                cure = "Use up to 64 small letters, digits, dots, dashes and underscores."
                raise UsageError(f"{part!r} cannot be a model's name or version.", cure)
        return self._root / name / version if version else self._root / name

    def _pointer(self, name: str) -> Live:
        try:
            return Live.model_validate_json((self._path(name) / _LIVE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Live()
        except (ValidationError, UnicodeDecodeError) as error:
            path = str(self._path(name) / _LIVE)
            raise StorageError(f"{path!r} is damaged: {error}.", "Delete it and promote a version again.") from error

    def _point(self, name: str, live: Live) -> None:
        before = self._pointer(name)
        for previous in {before.version, *before.before} - {live.version, *live.before, ""}:
            if self._path(name, previous).is_dir():
                (self._path(name, previous) / _RETIRED).touch()
        write_whole(self._path(name) / _LIVE, live.model_dump_json(indent=1))

    def _unknown(self, name: str, version: str) -> NotFoundError:
        if name not in self.names():
            return NotFoundError(
                f"The registry has no model {name!r}.", f"It has: {', '.join(self.names()) or 'none'}."
            )
        return NotFoundError(f"{name!r} has no version {version!r}.", f"It has: {', '.join(self._versions(name))}.")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with FileLock(self._root / ".lock", timeout=30):
                yield
        except Timeout:
            raise BusyError("Another process holds the model registry.", "Try again when it is done.") from None
        except OSError as error:
            cure = "Free some space or mend the rights of that folder."
            raise StorageError(f"{str(self._root)!r} cannot be written: {error.strerror or error}.", cure) from error


def _names(folder: Path) -> Names:
    """Relative paths of the files that make a version: all but the record and the registry's own marks."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    ours = {_RECORD, _RETIRED, _GATE}
    return [PurePosixPath(path.relative_to(folder)).as_posix() for path in paths if path.name not in ours]


def _hashes(folder: Path) -> dict[str, str]:
    """Relative path → sha256."""
    return {name: sha256_of(folder / name) for name in _names(folder)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step; after a crash it is the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    part.replace(path)


def content_sha256(files: Mapping[str, str]) -> str:
    """One hash for all files of a version: of the sorted JSON of path → sha256."""
    return hashlib.sha256(json.dumps(dict(sorted(files.items()))).encode()).hexdigest()
