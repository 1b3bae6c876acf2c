"""Files on their way in: kept under the home folder, then read, split and indexed while people go on asking."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import unicodedata
import uuid
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from assistant.knowledge.types import IngestProgress
from graphs.errors import CrossroadsError, StorageError

if TYPE_CHECKING:
    from assistant.app import Assistant

log = logging.getLogger(__name__)
KEPT_JOBS = 50


class Upload:
    """One batch of files and how far each has come."""

    def __init__(self, collection: str) -> None:
        self.upload_id = uuid.uuid4().hex
        self.collection = collection
        self.files: dict[str, IngestProgress] = {}
        self.over = False
        self.version = 0
        self._paths: dict[str, str] = {}
        self._changed = threading.Condition()

    def add(self, name: str, path: Path) -> None:
        """A file that was received and waits for its turn."""
        self._paths[str(path)] = name
        self.set(name, IngestProgress(source=str(path), state="waiting"))

    def fail(self, name: str, reason: str) -> None:
        """A file that will not be loaded, and why."""
        self.set(name, IngestProgress(source=name, state="failed", detail=reason))

    def on_progress(self, step: IngestProgress) -> None:
        """What the ingest tells about one source."""
        self.set(self._paths.get(step.source, step.source), step)

    def set(self, name: str, step: IngestProgress) -> None:
        """Record a file's state and wake whoever watches."""
        with self._changed:
            self.files[name] = step
            self.version += 1
            self._changed.notify_all()

    def finish(self) -> None:
        """Nothing more will happen: files that never got an outcome are said to have failed."""
        for name, step in list(self.files.items()):
            if step.state not in {"done", "unchanged", "failed"}:
                self.fail(name, "The work ended before this file. Add it again.")
        with self._changed:
            self.over = True
            self.version += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout: float) -> int:
        """The version now; waits for one after `seen` at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > seen, timeout)
            return self.version

    @property
    def waiting(self) -> list[str]:
        """Paths of the files still to be loaded."""
        return [step.source for step in self.files.values() if step.state == "waiting"]


class Uploads:
    """The uploads of this service. One is worked on at a time; the others wait."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._uploads: dict[str, Upload] = {}
        self._turn = threading.Lock()

    def receive(self, files: Sequence[tuple[str, BinaryIO]], collection: str) -> Upload:
        """Keep the files and start to load them. A file that cannot be kept is a failed line, not a failed batch."""
        upload = Upload(collection)
        for name, stream in files:
            try:
                upload.add(name, self._keep(name, stream))
            except CrossroadsError as error:
                upload.fail(name, str(error))
        self._uploads[upload.upload_id] = upload
        for old in list(self._uploads)[:-KEPT_JOBS]:
            del self._uploads[old]
        threading.Thread(target=self._load, args=(upload,), name="upload", daemon=True).start()
        return upload

    def get(self, upload_id: str) -> Upload | None:
        """The upload of that id, if it is not forgotten."""
        return self._uploads.get(upload_id)

    def _keep(self, name: str, stream: BinaryIO) -> Path:
        path = self._assistant.settings.home / "uploads" / safe_name(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex[:8]}")
            with partial.open("wb") as kept:
                shutil.copyfileobj(stream, kept, 1 << 20)
            partial.replace(path)
        except OSError as error:
            raise StorageError(f"{name!r} cannot be kept: {error.strerror}.", "Make room or mend the rights.") from None
        return path

    def _load(self, upload: Upload) -> None:
        try:
            with self._turn:
                if upload.waiting:
                    self._assistant.knowledge.ingest(upload.waiting, upload.collection, on_progress=upload.on_progress)
        except CrossroadsError as error:
            self._fail_rest(upload, str(error))
        except Exception:
            log.exception("an upload failed in a way nobody foresaw")
            self._fail_rest(upload, "Something went wrong inside Crossroads; the service's log says what.")
        finally:
            upload.finish()

    def _fail_rest(self, upload: Upload, reason: str) -> None:
        for name, step in list(upload.files.items()):
            if step.state not in {"done", "unchanged", "failed"}:
                upload.fail(name, reason)


def safe_name(name: str) -> PurePosixPath:
    """A relative path no part of which can climb, hide, or upset a file system: `../a:b.pdf` becomes `a_b.pdf`."""
    parts = [_safe_part(part) for part in name.replace("\\", "/").split("/")]
    kept = [part for part in parts if part][-8:]
    return PurePosixPath(*kept) if kept else PurePosixPath("unnamed")


def _safe_part(part: str) -> str:
    plain = unicodedata.normalize("NFC", part)
    plain = "".join("_" if unicodedata.category(mark).startswith("C") else mark for mark in plain)
    plain = re.sub(r'[<>:"|?*]', "_", plain).strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    return plain if len(plain.encode()) <= 200 else f"{(stem or suffix)[:40]}{dot}{suffix[:10]}"
