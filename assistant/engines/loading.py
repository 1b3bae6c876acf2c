"""From a model's files to an engine at its desk. Engines are shared: one per model, device and thread count."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.engines.codec import Codec, CodecFacts
from assistant.engines.desk import Desk
from assistant.engines.types import Engine
from graphs.errors import CrossroadsError, ModelError

_loaded: dict[tuple[str, ...], Loaded] = {}
_locks: dict[tuple[str, ...], threading.Lock] = {}
_guard = threading.Lock()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A model ready to answer."""

    codec: Codec
    desk: Desk


def open_gguf(file: Path, settings: Settings) -> Loaded:
    """The engine for a GGUF file: OpenVINO on a processor, transformers on CUDA, or as `models.engine` says.

    Converted weights are kept under `CROSSROADS_CACHE/engines`. Raises `ModelError`.
    """
    kind, device = _kind(settings), pick_device(settings)
    key = ("gguf", str(file), kind, device, str(settings.models.threads))
    return _once(key, lambda: _open_gguf(file, kind, device, settings))


def load_gguf(file: Path, settings: Settings) -> Loaded:
    """As `open_gguf`, but an engine of the caller's own, who closes its desk."""
    return _open_gguf(file, _kind(settings), pick_device(settings), settings)


def load_folder(source: str, settings: Settings) -> Loaded:
    """As `open_folder`, but an engine of the caller's own, who closes its desk."""
    return _open_folder(source, pick_device(settings), settings)


def open_folder(source: str, settings: Settings) -> Loaded:
    """The engine for a Hugging Face folder or repository, through transformers. Raises `ModelError`."""
    device = pick_device(settings)
    key = ("folder", source, device, str(settings.models.threads))
    return _once(key, lambda: _open_folder(source, device, settings))


def close_all() -> None:
    """Stop every engine and let go of its memory."""
    with _guard:
        for loaded in _loaded.values():
            loaded.desk.close()
        _loaded.clear()


def pick_device(settings: Settings) -> str:
    """`cuda` where it is asked for or, with `auto`, where there is a GPU; else `cpu`."""
    if settings.models.device == "auto":
        return "cuda" if _gpus() else "cpu"
    if settings.models.device == "cuda" and not _gpus():
        cure = "Set models.device to 'auto' or 'cpu', or install the driver."
        raise ModelError("models.device is 'cuda', but no NVIDIA GPU answers on this computer.", cure)
    return settings.models.device


def _kind(settings: Settings) -> str:
    if settings.models.engine != "auto":
        return settings.models.engine
    return "transformers" if pick_device(settings) == "cuda" else "openvino"


def default_threads() -> int:
    """Threads of an engine where nothing is set: every core, eight at most.

    `docs/engines.md` says why: it is faster on a quiet machine and loses little on a busy one.
    """
    return max(1, min(8, os.cpu_count() or 1))


def _gpus() -> int:
    """Number of CUDA devices, asked of the driver itself: importing torch for it takes seconds."""
    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def _once(key: tuple[str, ...], load: Callable[[], Loaded]) -> Loaded:
    with _guard:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:
        if key not in _loaded:
            _loaded[key] = load()
        return _loaded[key]


def engine_folder(file: Path, settings: Settings) -> Path:
    """Where what is made of a GGUF file is kept."""
    return settings.cache / "engines" / f"{file.stem}-{_stamp(file)}"


def prepare(file: Path, settings: Settings, kind: str = "") -> Codec:
    """Make what an engine needs of a GGUF file, once: its tokenizer and, for `kind`, its weights. The tokenizer."""
    from filelock import FileLock

    folder = engine_folder(file, settings)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # two processes must not convert at once
        codec = Codec.load(folder)
        if codec is None:
            from assistant.engines.gguf import read_codec

            _log.info("preparing %s for this computer, once", file.name)
            codec = read_codec(file)
            codec.save(folder)
        if kind:
            _weights(file, codec, kind, folder)
    return codec


def _open_gguf(file: Path, kind: str, device: str, settings: Settings) -> Loaded:
    codec = prepare(file, settings, kind)
    weights = engine_folder(file, settings) / kind
    engine: Engine
    if kind == "openvino":
        from assistant.engines.openvino_engine import OpenVinoEngine

        engine = OpenVinoEngine(weights, settings.models.threads or default_threads())
    else:
        engine = _transformers(str(weights), device, settings)
    return Loaded(codec, Desk(engine))


def _weights(file: Path, codec: Codec, kind: str, folder: Path) -> Path:
    if kind == "openvino":
        from assistant.engines.openvino_weights import convert

        return convert(file, folder / "openvino")
    from assistant.engines.gguf import to_transformers

    return to_transformers(file, codec, folder / "transformers")


def _stamp(file: Path) -> str:
    """Changes when the file does; reading it all at every start would take too long."""
    facts = file.stat()
    return hashlib.sha256(f"{file.resolve()}:{facts.st_size}:{facts.st_mtime_ns}".encode()).hexdigest()[:12]


def _open_folder(source: str, device: str, settings: Settings) -> Loaded:
    try:
        codec = _hub_codec(source)
        engine = _transformers(source, device, settings)
    except CrossroadsError:
        raise
    except (OSError, ValueError, ImportError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"The model {source!r} could not be loaded: {first}",
            "Give a folder with config.json, weights as safetensors and a tokenizer, or a repository of the hub that "
            "can be reached from here.",
        ) from error
    return Loaded(codec, Desk(engine))


def _transformers(source: str, device: str, settings: Settings) -> Engine:
    from assistant.engines.transformers_engine import TransformersEngine

    if settings.models.threads:
        import torch

        torch.set_num_threads(settings.models.threads)
    return TransformersEngine(source, device)


def _hub_codec(source: str) -> Codec:
    """The codec of a Hugging Face folder or repository."""
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    config: Any = AutoConfig.from_pretrained(source)
    tokenizer: Any = AutoTokenizer.from_pretrained(source)
    if not hasattr(tokenizer, "backend_tokenizer"):
        cure = "Convert it: AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)."
        raise ModelError(f"The tokenizer of {source!r} has no tokenizer.json.", cure)
    try:
        ends = GenerationConfig.from_pretrained(source).eos_token_id
    except OSError:
        ends = None
    found = [ends, getattr(config, "eos_token_id", None), tokenizer.eos_token_id]
    ids = {i for one in found for i in (one if isinstance(one, list) else [one]) if i is not None}
    facts = CodecFacts(
        template=tokenizer.chat_template or "",
        special=tuple(str(token) for token in tokenizer.all_special_tokens),
        ends=tuple(sorted(ids)),
        context=int(getattr(config, "max_position_embeddings", None) or 2048),
        bos=tokenizer.bos_token or "",
        eos=tokenizer.eos_token or "",
    )
    return Codec(tokenizer.backend_tokenizer, facts)
