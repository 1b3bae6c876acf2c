"""What runs the embedding model: OpenVINO on a CPU, torch on a CUDA GPU and for encoders that are not a BERT.

On a CPU the graph is built from the weights once and its compiled form kept under `CROSSROADS_CACHE/engines`: a later
process reads a file and never imports torch. Each core works on a batch of its own: one batch spread over both suffers
more from other busy processes. Where the processor multiplies 8-bit integers, the linear layers do, with scales for
groups of 128 values chosen as they come; what lies between them is bf16 where the processor has that, else fp32.
Measured with MiniLM on one core of an AMD EPYC with AVX-512 VNNI and BF16, ten texts of 96 tokens together: 83 µs of
processor time a token, 90 with fp32 between the layers, 115 in bf16 alone, 224 in fp32 alone (torch: 271); the cosine
to the fp32 vectors was 0.998 at least.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.config import Settings
from assistant.knowledge.types import Vectors
from graphs.signal_stack import kept_signal_stack

VERSION = 3
"""Raise it when `encoder_graph` changes, so that no old compiled graph is used."""
_GROUP = 128
"""Values that share a scale: 32 took 17.5 ms a chunk, 384 took 15.8 and brought the lowest cosine to 0.9968."""
_BATCH_TOKENS = 1024
"""Tokens in one pass on a CPU core: larger is no faster, and a question waits for one pass at most."""
_GPU_BATCH_TOKENS = 65_536
_MOST_STREAMS = 8

Padded = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Token ids and attention mask, both (batch, length)."""
Forward = Callable[[NDArray[np.int64], NDArray[np.int64]], Vectors]


@dataclass(frozen=True)
class Engine:
    """A loaded encoder: `forward` may be called by any thread, `workers` calls at once use the whole machine."""

    forward: Forward
    batch_tokens: int
    workers: ThreadPoolExecutor | None = None
    streams: int = 1
    """How many passes run at once without taking time from each other."""

    def run_all(self, batches: Iterable[Padded]) -> Iterator[Vectors]:
        """The vectors of each batch, in their order."""
        ready = list(batches)
        if self.workers is None or len(ready) == 1:
            return (self.forward(*batch) for batch in ready)
        return self.workers.map(lambda batch: self.forward(*batch), ready)


def load_engine(folder: Path, pooling: str, settings: Settings, fingerprint: str) -> Engine:
    """The fastest engine there is here for the encoder in `folder`; `pooling` is `mean` or `cls`.

    Raises `ModelError` where a GPU is asked for that is not there; `OSError`, `RuntimeError`, `KeyError` or
    `ValueError` where the folder is broken.
    """
    from assistant.engines.loading import pick_device

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if pick_device(settings) == "cuda":
        return Engine(_torch_forward(folder, pooling, "cuda"), _GPU_BATCH_TOKENS)
    if config.get("model_type") != "bert" or not (folder / "model.safetensors").is_file():
        return Engine(_torch_forward(folder, pooling, "cpu"), _BATCH_TOKENS)
    return _openvino_engine(folder, pooling, settings, fingerprint)


@kept_signal_stack()
def _openvino_engine(folder: Path, pooling: str, settings: Settings, fingerprint: str) -> Engine:
    import openvino

    from assistant.knowledge.encoder_graph import build

    core = openvino.Core()
    threads = settings.models.threads or _cores()
    streams = min(threads, _MOST_STREAMS)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams}
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    small = "INT8" in able
    if small and "BF16" in able:
        options["INFERENCE_PRECISION_HINT"] = "bf16"
    if small:
        options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = _GROUP
    file = _cache_file(core, folder, settings, options, fingerprint)
    compiled = compiled_graph(core, lambda: build(folder, pooling, small=small), options, file)
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for _ in range(streams + 1):  # one more than streams, so that a question never waits for a request to come back
        free.put(compiled.create_infer_request())

    def forward(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        request = free.get()
        try:
            return np.array(request.infer([ids, mask])[0], dtype=np.float32)
        finally:
            free.put(request)

    workers = ThreadPoolExecutor(streams, thread_name_prefix="embed") if streams > 1 else None
    return Engine(forward, _BATCH_TOKENS, workers, streams)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cache_file(core: Any, folder: Path, settings: Settings, options: dict[str, Any], fingerprint: str) -> Path:
    """Named by everything the compiled graph depends on, the processor included."""
    import openvino

    parts: list[Any] = [fingerprint, VERSION, options, openvino.get_version()]
    parts += [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return settings.cache / "engines" / f"{folder.name}-{key}.blob"


def compiled_graph(core: Any, build: Callable[[], Any], options: dict[str, Any], file: Path) -> Any:
    """The compiled graph from the cache, else built and cached. A cache that cannot be used costs time only."""
    import assistant.engines.openvino_ready  # noqa: F401 - two threads meet their first arrays at once below

    if file.is_file():
        try:
            return core.import_model(file.read_bytes(), "CPU", options)
        except RuntimeError:  # cut short, or of another build of OpenVINO: made again below
            file.unlink(missing_ok=True)
    compiled = core.compile_model(build(), "CPU", options)
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(compiled.export_model().getbuffer())
        partial.replace(file)
    except OSError:  # a full or read-only cache: the model in memory works all the same
        partial.unlink(missing_ok=True)
    return compiled


def _torch_forward(folder: Path, pooling: str, device: str) -> Forward:
    import torch
    from transformers import AutoModel

    dtype = torch.float16 if device == "cuda" else torch.float32
    model = AutoModel.from_pretrained(folder, dtype=dtype).to(device).eval()

    @torch.inference_mode()
    def forward(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        keep = torch.from_numpy(mask).to(device)
        hidden = model(input_ids=torch.from_numpy(ids).to(device), attention_mask=keep).last_hidden_state.float()
        weights = keep.unsqueeze(-1).float()
        pooled = (hidden * weights).sum(1) / weights.sum(1) if pooling == "mean" else hidden[:, 0]
        vectors: Vectors = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors

    return forward
