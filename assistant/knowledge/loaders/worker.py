"""Parse documents in a process of their own, so that a hostile file costs itself alone.

`Worker` starts `python -m assistant.knowledge.loaders.worker` at its first file, keeps it for the next ones, and
kills it when a file takes too long. Both sides talk over pipes: a line of JSON that says how many bytes follow, then
those bytes. The child may use 4 GB of memory and cannot be forked from a process full of threads.
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
from pathlib import Path
from typing import IO, Any

from assistant.knowledge.types import Loaded, Page
from graphs.errors import Cancelled, DocumentError

SECONDS = 120.0
_MEMORY = 4 * 2**30


class Worker:
    """A parser process that is started when it is needed. One file at a time; safe under threads."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def load(self, data: bytes, name: str, declared: str = "", cancel: threading.Event | None = None) -> Loaded:
        """As `loaders.load`, in the other process. Raises `Cancelled` when `cancel` is set meanwhile."""
        with self._lock:
            requests, answers = self._running()
            try:
                _send(requests, {"name": name, "declared": declared}, data)
                self._wait(answers, name, cancel)
                header, body = _receive(answers)
            except (OSError, ValueError):  # the child died: what killed it is this file
                self._stop()
                message = f"{name!r} could not be read: it needs too much memory or breaks the parser."
                raise DocumentError(message, "Open it and save or print it as a new PDF, then ingest that.") from None
            except BaseException:
                self._stop()
                raise
        if "error" in header:
            raise DocumentError(header["error"], header["cure"])
        pages = tuple(Page(*span) for span in header["pages"])
        return Loaded(body.decode("utf-8"), header["title"], header["media_type"], pages)

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
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise OSError("the parser process has no pipes")
        return requests, answers

    def _wait(self, answers: IO[bytes], name: str, cancel: threading.Event | None) -> None:
        deadline = time.monotonic() + self.seconds
        while not select.select([answers], [], [], 0.1)[0]:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                message = f"{name!r} took longer than {self.seconds:g} seconds to read."
                raise DocumentError(message, "Split it, or print it as a new PDF, and ingest that.")

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


def _answer(data: bytes, name: str, declared: str) -> tuple[dict[str, Any], bytes]:
    from assistant.knowledge.loaders import load

    try:
        loaded = load(data, name, declared=declared)
    except DocumentError as error:
        return {"error": error.message, "cure": error.cure}, b""
    except Exception as error:  # a parser's own bug on a broken file: the file's fault as far as the user can tell
        cure = "Open it and save or print it as a new PDF, then ingest that."
        return {"error": f"{name!r} cannot be read: {type(error).__name__} {error}.", "cure": cure}, b""
    pages = [[page.number, page.start, page.end] for page in loaded.pages]
    header = {"title": loaded.title, "media_type": loaded.media_type, "pages": pages}
    return header, loaded.text.encode("utf-8")


def main() -> None:
    """Answer requests until the other side closes the pipe."""
    import resource

    with contextlib.suppress(ValueError, OSError):  # some systems refuse it; the time limit stands there alone
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not land among the answers
    while True:
        try:
            header, data = _receive(sys.stdin.buffer)
        except ValueError:
            return
        _send(answers, *_answer(data, header["name"], header["declared"]))


if __name__ == "__main__":
    main()
