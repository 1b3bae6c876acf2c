"""Parse documents in a process of their own, so that a hostile file costs itself alone.

`Worker` starts `python -m assistant.knowledge.loaders.worker` at its first file, keeps it for the next ones, and
kills it when a file takes too long. Both sides talk over pipes: a line of JSON that says how many bytes follow, then
those bytes. A file gets so much computing time and memory, and more of both the larger it is; the time is that of the
child's processor, so that a busy machine refuses nothing a quiet one takes.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any

import psutil

from assistant.knowledge.types import Loaded, Page
from graphs.errors import Cancelled, DocumentError

SECONDS = 4.0
_SECONDS_PER_MB = 4.0
MEMORY_MB = 400
"""What a small file may take beyond what the parsers take themselves, which is about 100 MB."""
_MEMORY_PER_MB = 4
_RECOGNIZE_SECONDS = 900.0
_RECOGNIZE_MB = 3_000
_WALL = 30.0
"""A process that waits instead of computing is given up after so many times its computing time."""
_TRY_ANOTHER = "Open it and save or print it as a new PDF, then ingest that."


class Worker:
    """A parser process that is started when it is needed. One file at a time; safe under threads."""

    def __init__(self, seconds: float = SECONDS, memory_mb: int = MEMORY_MB) -> None:
        self.seconds = seconds
        self.memory_mb = memory_mb
        self.peak_mb = 0.0
        """The most memory the process held at any time, in megabytes."""
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def load(
        self,
        data: bytes,
        name: str,
        declared: str = "",
        cancel: threading.Event | None = None,
        *,
        recognize: bool = False,
    ) -> Loaded:
        """As `loaders.load`, in the other process. Raises `Cancelled` when `cancel` is set meanwhile."""
        request = {"want": "text", "name": name, "declared": declared, "recognize": recognize}
        header, body = self.call(request, data, cancel)
        pages = tuple(Page(*span) for span in header["pages"])
        return Loaded(body.decode("utf-8"), header["title"], header["media_type"], pages, header["metadata"])

    def tables(self, data: bytes, name: str) -> list[dict[str, Any]]:
        """As `loaders.read_tables`: `name`, `header` and `rows` of each table."""
        _, body = self.call({"want": "tables", "name": name}, data)
        found: list[dict[str, Any]] = json.loads(body)
        return found

    def picture(self, path: Path, name: str, page: Page, start: int, end: int, columns: bool = False) -> bytes:
        """As `pdf_pictures.draw`, in the other process."""
        return self.call(
            _page_request("picture", path, name, page, (start, end), columns), b"", size=path.stat().st_size
        )[1]

    def marked_at(self, path: Path, name: str, page: Page, start: int, end: int, columns: bool = False) -> float:
        """As `pdf_pictures.marked_at`, in the other process."""
        header, _ = self.call(
            _page_request("place", path, name, page, (start, end), columns), b"", size=path.stat().st_size
        )
        return float(header["at"])

    def call(
        self, request: dict[str, Any], data: bytes, cancel: threading.Event | None = None, size: int = 0
    ) -> tuple[dict[str, Any], bytes]:
        """One request and its answer; `size` is that of a file which is not sent along.

        Raises `DocumentError` for what the child refuses or dies of.
        """
        name, recognize = str(request["name"]), bool(request.get("recognize"))
        megabytes = (len(data) or size) / 2**20
        seconds = self.seconds + megabytes * _SECONDS_PER_MB * bool(self.seconds)
        memory = self.memory_mb + int(megabytes * _MEMORY_PER_MB)
        if recognize:
            seconds, memory = _RECOGNIZE_SECONDS, _RECOGNIZE_MB
        with self._lock:
            requests, answers = self._running()
            try:
                _send(requests, {**request, "memory": memory}, data)
                self._wait(answers, name, seconds, cancel)
                header, body = _receive(answers)
            except (OSError, ValueError):  # the child died: what killed it is this file
                self._stop()
                message = f"{name!r} could not be read: it needs too much memory or breaks the parser."
                raise DocumentError(message, _TRY_ANOTHER) from None
            except BaseException:
                self._stop()
                raise
        self.peak_mb = max(self.peak_mb, header.get("peak_mb", 0.0))
        if "error" in header:
            raise _error(header)
        return header, body

    def close(self) -> None:
        """Stop the process, if there is one."""
        with self._lock:
            self._stop()

    def _running(self) -> tuple[IO[bytes], IO[bytes]]:
        """The pipes to the process: requests in, answers out."""
        if self._process is None or self._process.poll() is not None:
            self._stop()
            root = str(Path(__file__).parents[3])
            paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "assistant.knowledge.loaders.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            )
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise OSError("the parser process has no pipes")
        return requests, answers

    def _wait(self, answers: IO[bytes], name: str, seconds: float, cancel: threading.Event | None) -> None:
        computed, deadline = self._computed() + seconds, time.monotonic() + max(seconds * _WALL, 10.0 * bool(seconds))
        while not select.select([answers], [], [], 0.05)[0]:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            if self._computed() >= computed or time.monotonic() > deadline:
                message = f"{name!r} took longer than {seconds:.3g} seconds to read."
                raise DocumentError(message, "Split it, or print it as a new PDF, and ingest that.")

    def _computed(self) -> float:
        """Seconds of processor time the child has used; what it holds is noted in passing."""
        try:
            child = psutil.Process(self._process.pid if self._process else 0)
            self.peak_mb = max(self.peak_mb, child.memory_info().rss / 2**20)
            times = child.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # bytes a dead process did not take
                if pipe is not None:
                    pipe.close()


def _page_request(want: str, path: Path, name: str, page: Page, span: tuple[int, int], columns: bool) -> dict[str, Any]:
    place = {"page": astuple(page), "span": span, "columns": columns}
    return {"want": want, "path": str(path), "name": name, **place}


def _error(header: dict[str, Any]) -> DocumentError:
    from assistant.knowledge.loaders.pdf import ScanError

    kind = ScanError if header["kind"] == ScanError.__name__ else DocumentError
    return kind(header["error"], header["cure"])


def _send(pipe: IO[bytes], header: dict[str, Any], body: bytes) -> None:
    pipe.write(json.dumps({**header, "bytes": len(body)}).encode() + b"\n")
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The next message. Raises `ValueError` where the other side is gone."""
    header: dict[str, Any] = json.loads(pipe.readline())
    body = pipe.read(header["bytes"])
    if len(body) != header["bytes"]:
        raise ValueError("cut short")
    return header, body


def _answer(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    name = request["name"]
    try:
        _allow(request["memory"])
        return _DO[request["want"]](data, request)
    except DocumentError as error:
        return {"error": error.message, "cure": error.cure, "kind": type(error).__name__}, b""
    except MemoryError:
        _allow(request["memory"] * 2)
        message = f"{name!r} needs more than {request['memory']} MB of memory to read."
        return {"error": message, "cure": "Split it, or save it in another format.", "kind": ""}, b""
    except Exception as error:  # a parser's own bug on a broken file: the file's fault as far as the user can tell
        message = f"{name!r} cannot be read: {type(error).__name__} {str(error)[:300]}."
        return {"error": message, "cure": _TRY_ANOTHER, "kind": ""}, b""


def _text(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from assistant.knowledge.loaders import load

    _warm(data, request)
    loaded = load(data, request["name"], declared=request["declared"], recognize=request["recognize"])
    header = {
        "title": loaded.title,
        "media_type": loaded.media_type,
        "pages": [astuple(page) for page in loaded.pages],
        "metadata": dict(loaded.metadata),
    }
    return header, loaded.text.encode("utf-8")


def _tables(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from assistant.knowledge.loaders import read_tables

    _warm(data, {**request, "declared": ""})
    sheets = read_tables(data, request["name"])
    found = [{"name": sheet.name, "header": sheet.header, "rows": sheet.rows} for sheet in sheets]
    return {}, json.dumps(found, default=str).encode()


def _page(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The picture of a page, or where on it a span begins; read from its file."""
    del data
    _allow(2**16)
    from assistant.knowledge.loaders.pdf_pictures import draw, marked_at

    _import("pypdfium2", "PIL.ImageDraw", "PIL.PngImagePlugin")
    _allow(request["memory"])
    start, end = map(int, request["span"])
    asked = Path(request["path"]), Page(*request["page"]), start, end, bool(request["columns"])
    return ({}, draw(*asked)) if request["want"] == "picture" else ({"at": marked_at(*asked)}, b"")


_DO = {"text": _text, "tables": _tables, "picture": _page, "place": _page}
_PARSERS = {
    "pdf": ["pypdfium2"],
    "docx": ["docx"],
    "pptx": ["pptx"],
    "xlsx": ["openpyxl"],
    "html": ["trafilatura", "lxml.html"],
    "epub": ["lxml.html"],
    "email": ["lxml.html"],
}


def _warm(data: bytes, request: dict[str, Any]) -> None:
    """Load the format's parser before the memory of this file is counted."""
    from assistant.knowledge.loaders import kind_of

    kind = kind_of(data, request["name"], request["declared"]) if data.strip() else "text"
    _allow(2**16)
    _import(*_PARSERS.get(kind, []), "defusedxml.ElementTree", "charset_normalizer")
    _allow(request["memory"])


def _import(*modules: str) -> None:
    import importlib

    for module in modules:
        importlib.import_module(module)


def _allow(megabytes: int) -> None:
    """Let this process grow by so much from here on, and no further."""
    import resource

    with contextlib.suppress(ValueError, OSError):  # some systems refuse it; the time limit stands there alone
        limit = int(psutil.Process().memory_info().vms) + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> None:
    """Answer requests until the other side closes the pipe."""
    import resource

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not land among the answers
    while True:
        try:
            request, data = _receive(sys.stdin.buffer)
        except ValueError:
            return
        header, body = _answer(data, request)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        _send(answers, {**header, "peak_mb": round(peak, 1)}, body)


if __name__ == "__main__":
    main()
