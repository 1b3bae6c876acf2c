"""Files on their way in: received first, then read, split and indexed while people go on asking."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import unicodedata
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from assistant.knowledge.types import IngestProgress
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from assistant.app import Assistant

log = logging.getLogger(__name__)
KEPT_JOBS = 50
OUTCOMES = frozenset({"done", "unchanged", "moved", "failed"})


class Upload:
    """One batch of files and how far each has come."""

    def __init__(self, collection: str) -> None:
        self.upload_id = uuid.uuid4().hex
        self.collection = collection
        self.files: dict[str, IngestProgress] = {}
        self.over = False
        self.version = 0
        self.received: dict[str, Path] = {}

    def add(self, name: str, path: Path) -> None:
        """A file that was received and waits for its turn."""
        self.received[name] = path
        self.set(name, IngestProgress(source=name, state="waiting"))

    def fail(self, name: str, reason: str) -> None:
        """A file that will not be loaded, and why."""
        self.set(name, IngestProgress(source=name, state="failed", detail=reason))

    def fail_rest(self, reason: str) -> None:
        """Why no file that has no outcome yet will get one."""
        for name, step in list(self.files.items()):
            if step.state not in OUTCOMES:
                self.fail(name, reason)

    def on_progress(self, step: IngestProgress) -> None:
        """What the ingest tells about one file."""
        self.set(step.source, step)

    def set(self, name: str, step: IngestProgress) -> None:
        """Record a file's state."""
        self.files[name] = step
        self.version += 1

    def finish(self) -> None:
        """Nothing more will happen."""
        self.fail_rest("The work ended before this file. Add it again.")
        self.over = True


class Uploads:
    """The uploads of this service. One is worked on at a time; the others wait."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._uploads: dict[str, Upload] = {}
        self._turn = threading.Lock()

    def receive(self, files: Sequence[tuple[str, BinaryIO]], collection: str) -> Upload:
        """Take the files in and start to load them. A file that cannot be kept is a failed line, not a failed batch."""
        upload = Upload(collection)
        folder = Path(tempfile.mkdtemp(prefix="crossroads-upload-"))
        for number, (given, stream) in enumerate(files):
            name = safe_name(given)
            try:
                with (folder / str(number)).open("wb") as kept:
                    shutil.copyfileobj(stream, kept, 1 << 20)
                upload.add(name, folder / str(number))
            except OSError as error:
                upload.fail(name, f"{name!r} cannot be kept: {error.strerror}. Make room, then add it again.")
        return self._start(upload, folder)

    def fetch(self, address: str, collection: str) -> Upload:
        """Load a web page or a file from an address."""
        upload = Upload(collection)
        upload.set(address, IngestProgress(source=address, state="waiting"))
        return self._start(upload, None)

    def get(self, upload_id: str) -> Upload | None:
        """The upload of that id, if it is not forgotten."""
        return self._uploads.get(upload_id)

    def _start(self, upload: Upload, folder: Path | None) -> Upload:
        self._uploads[upload.upload_id] = upload
        for old in list(self._uploads)[:-KEPT_JOBS]:
            del self._uploads[old]
        threading.Thread(target=self._load, args=(upload, folder), name="upload", daemon=True).start()
        return upload

    def _load(self, upload: Upload, folder: Path | None) -> None:
        from assistant.knowledge.ingest import Upload as File

        received = [File(name, path) for name, path in upload.received.items()]
        sources = received if folder else list(upload.files)
        try:
            with self._turn:
                if sources:
                    self._assistant.knowledge.ingest(sources, upload.collection, on_progress=upload.on_progress)
        except CrossroadsError as error:
            upload.fail_rest(str(error))
        except Exception:
            log.exception("an upload failed in a way nobody foresaw")
            upload.fail_rest("Something went wrong inside Crossroads; the service's log says what.")
        finally:
            upload.finish()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def safe_name(name: str) -> str:
    """The name a file goes by: its path inside the folder that was dropped, without parts that climb or hide.

    `../a\x00b.pdf` becomes `a_b.pdf`.
    """
    plain = unicodedata.normalize("NFC", name).replace("\\", "/")
    plain = "".join("_" if unicodedata.category(mark).startswith("C") else mark for mark in plain)
    parts = [part.strip() for part in plain.split("/")]
    return "/".join(part for part in parts if part.strip("."))[-300:] or "unnamed"
