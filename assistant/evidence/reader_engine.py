"""Runs the graph of the reader, and of the grounding encoder, which has its shape.

It is built once from the weights; its compiled form is kept under `CROSSROADS_CACHE/engines`.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.together import Together
from graphs.signal_stack import kept_signal_stack
from training.reader.reading import Found, Piece, best_span, pad

VERSION = 1
"""Raise it when `reader_graph` changes, so that no old compiled graph is used."""
_BATCH_TOKENS = 1024
_MOST_STREAMS = 8
_SHARED = 16
"""Pieces up to which a call is joined with others."""


class ReaderEngine:
    """The compiled reader; `read` may be called by any thread and uses every core."""

    @kept_signal_stack()
    def __init__(self, base: Path, tuned: Sequence[Path], settings: Settings, name: str = "reader") -> None:
        """Compiles or loads the file of that `name`.

        Raises `OSError`, `RuntimeError`, `KeyError` or `ValueError` where a file is broken.
        """
        import openvino

        from assistant.evidence.reader_graph import build_reader
        from assistant.knowledge.encoder_engines import compiled_graph

        core = openvino.Core()
        threads = settings.models.threads or os.cpu_count() or 1
        streams = min(threads, _MOST_STREAMS)
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams}
        file = _cache_file(core, tuned, settings, options, name)
        compiled = compiled_graph(core, lambda: build_reader(base, tuned), options, file)
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams + 1):
            self._free.put(compiled.create_infer_request())
        self._workers = ThreadPoolExecutor(streams, thread_name_prefix="read")
        self._together = Together(self._read, streams, _SHARED)

    def read(self, pieces: Sequence[Piece]) -> Sequence[Found]:
        """The best span and the answerability of each piece; with those other threads ask for at the same time."""
        return self._together.run(pieces)

    def _read(self, pieces: Sequence[Piece]) -> list[Found]:
        """Batched by length."""
        order = sorted(range(len(pieces)), key=lambda index: -len(pieces[index].ids))
        groups: list[list[int]] = []
        for index in order:
            if groups and (len(groups[-1]) + 1) * len(pieces[groups[-1][0]].ids) <= _BATCH_TOKENS:
                groups[-1].append(index)
            else:
                groups.append([index])
        results: dict[int, Found] = {}
        for group, found in zip(
            groups, self._workers.map(lambda g: self._run([pieces[n] for n in g]), groups), strict=True
        ):
            results |= dict(zip(group, found, strict=True))
        return [results[index] for index in range(len(pieces))]

    def _run(self, pieces: Sequence[Piece]) -> list[Found]:
        request = self._free.get()
        try:
            start, end, judged = request.infer(list(pad(pieces))).values()
            return [best_span(piece, start[line], end[line], float(judged[line])) for line, piece in enumerate(pieces)]
        finally:
            self._free.put(request)


def _cache_file(core: Any, tuned: Sequence[Path], settings: Settings, options: dict[str, Any], name: str) -> Path:
    """Named by everything the compiled graph depends on, the processor included."""
    import openvino

    parts: list[Any] = [hashlib.sha256(path.read_bytes()).hexdigest() for path in tuned]
    parts += [VERSION, options, openvino.get_version()]
    parts += [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return settings.cache / "engines" / f"{name}-{key}.blob"
