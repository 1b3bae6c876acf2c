"""Any local model as something with a likelihood: the default GGUF, a Hugging Face folder, an adapter, an export.

local:NAME              the catalogue's model, or the registry's live version (else the newest)
local:NAME@VERSION      one version of the registry
hf:FOLDER-OR-REPO       a folder with config.json, adapter_config.json, *.gguf, *.onnx or openvino_model.xml
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.config import Settings
from assistant.providers.names import ModelName, parse
from eval.perplexity import Logits, LogitsLikelihood
from graphs.errors import ModelError, UsageError
from graphs.signal_stack import kept_signal_stack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

LONGEST_WINDOW = 2048
"""The default window of models that can take more: logits of a longer one fill gigabytes."""
ENGINES = ("auto", "transformers", "openvino", "onnx")


@dataclass(frozen=True)
class Source:
    """Where a model's files are, and what it is adapted by."""

    name: str
    folder: str
    """A folder, a repository of the hub, or a GGUF file."""
    adapter: str = ""


def open_likelihood(
    name: str, settings: Settings, *, window: int = 0, batch: int = 1, engine: str = "auto"
) -> LogitsLikelihood:
    """The likelihood of a local model; `window` 0 is the model's own context, 2,048 tokens at most.

    `engine` "auto" takes what the folder holds: transformers for weights and GGUF, else ONNX or OpenVINO. With
    "openvino" the default model runs as it answers questions. Raises `UsageError`, `NotFoundError` or `ModelError`.
    """
    if engine not in ENGINES:
        raise UsageError(f"There is no engine {engine!r}.", f"Choose one of {', '.join(ENGINES)}.")
    source = find_source(name, settings)
    kind = _kind(source, engine)
    opened = _OPEN[kind](source, settings)
    longest = window or min(opened.context, LONGEST_WINDOW)
    if longest > opened.context:
        raise UsageError(f"A window of {window} tokens is more than {name} takes.", f"At most {opened.context}.")
    return LogitsLikelihood(
        f"{source.name} ({kind})", opened.logits, opened.encode, window=longest, prefix=opened.prefix, batch=batch
    )


def find_source(name: str, settings: Settings) -> Source:
    """The files behind a model's name. Raises `NotFoundError`, and `UsageError` for a model that is not local."""
    model = parse(name)
    if model.provider == "local":
        return _local(model, settings)
    if model.provider == "hf":
        folder = str(Path(model.model).expanduser())
        adapted = Path(folder, "adapter_config.json")
        return Source(name, _base_of(adapted), folder) if adapted.is_file() else Source(name, folder)
    raise UsageError(
        f"{name} does not run here, so its likelihood cannot be computed.", "Name a model as local:NAME or hf:FOLDER."
    )


def _local(model: ModelName, settings: Settings) -> Source:
    from assistant.models import CATALOGUE, ensure
    from training.registry import Registry

    if model.model in CATALOGUE:
        return Source(model.full, str(_one_gguf(ensure(model.model, settings))))
    registry = Registry(settings.home / "models")
    wanted, _, number = model.model.partition("@")
    version = registry.show(wanted, number)
    folder = str(registry.folder(wanted, version.version))
    if version.kind == "adapter":
        base = find_source(version.base, settings) if version.base else Source("", _base_of(Path(folder)))
        return Source(model.full, base.folder, folder)
    if version.kind != "chat":
        raise UsageError(f"{model.full} is of the kind {version.kind!r}, which predicts no text.", "Name a chat model.")
    return Source(model.full, folder)


def _base_of(adapter_config: Path) -> str:
    import json

    file = adapter_config if adapter_config.is_file() else adapter_config / "adapter_config.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{str(file)!r} does not name the adapter's base: {error}.", "Train it again.") from error


def _one_gguf(folder: Path) -> Path:
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        raise ModelError(f"{str(folder)!r} holds {len(files)} GGUF files; one is needed.", "Remove the others.")
    return files[0]


def _kind(source: Source, engine: str) -> str:
    """Which engine reads these files. Raises `ModelError` where the one asked for cannot."""
    path = Path(source.folder)
    gguf = path.suffix == ".gguf" or (path.is_dir() and bool(list(path.glob("*.gguf"))))
    held = {
        "transformers": gguf or not path.exists() or bool(list(path.glob("*.safetensors"))),
        "onnx": path.is_dir() and bool(list(path.glob("*.onnx"))),
        "openvino": gguf or (path / "openvino_model.xml").is_file(),
    }
    if engine == "auto":
        found = next((kind for kind, there in held.items() if there), "")
    else:
        found = engine if held[engine] else ""
    if not found or (source.adapter and found != "transformers"):
        asked = "" if engine == "auto" else f" for {engine}"
        cure = "Name a folder with safetensors, GGUF, ONNX or OpenVINO files; adapters run on transformers."
        raise ModelError(f"{source.name} has no files{asked} in {source.folder!r}.", cure)
    return found


@dataclass(frozen=True)
class _Opened:
    logits: Logits
    encode: Callable[[str], list[int]]
    context: int
    prefix: int


def load_transformers(source: Source, settings: Settings) -> tuple[Any, Any]:
    """Model (fp32 on a processor) and tokenizer, with the adapter put on. Raises `ModelError`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from assistant.engines.loading import pick_device

    folder, device = weights_folder(source, settings), pick_device(settings)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="bfloat16" if device == "cuda" else "float32")
        if source.adapter:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, source.adapter)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"{source.name} could not be loaded: {first}", "Check the folder's files.") from error
    return model.to(device).eval(), tokenizer


def weights_folder(source: Source, settings: Settings) -> str:
    """A folder transformers can load: GGUF is converted once and kept."""
    from assistant.engines.loading import engine_folder, prepare

    path = Path(source.folder)
    gguf = path if path.suffix == ".gguf" else next(iter(path.glob("*.gguf")), None) if path.is_dir() else None
    if gguf is None:
        return source.folder
    prepare(gguf, settings, "transformers")
    return str(engine_folder(gguf, settings) / "transformers")


def _transformers(source: Source, settings: Settings) -> _Opened:
    model, tokenizer = load_transformers(source, settings)

    def logits(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            out = model(input_ids=torch.from_numpy(ids).to(model.device), use_cache=False).logits
        found: NDArray[np.float32] = out.float().cpu().numpy()
        return found

    prefix = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return _Opened(logits, _plain(tokenizer.backend_tokenizer), _context(model.config), _whole(prefix, source))


def _plain(tokenizer: Tokenizer) -> Callable[[str], list[int]]:
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)


def _context(config: Any) -> int:
    return int(getattr(config, "max_position_embeddings", None) or LONGEST_WINDOW)


def _whole(token: int | None, source: Source) -> int:
    if token is None:
        cure = "Add bos_token or eos_token to its tokenizer_config.json."
        raise ModelError(f"{source.name} has neither a first nor a last token to begin a text with.", cure)
    return int(token)


def _onnx(source: Source, settings: Settings) -> _Opened:  # noqa: ARG001 - every opener takes both
    import importlib

    import numpy as np

    onnxruntime: Any = importlib.import_module("onnxruntime")
    file = sorted(Path(source.folder).glob("*.onnx"))[0]
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}

    def logits(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        given = {name: value for name, value in _inputs(ids).items() if name in names}
        found: NDArray[np.float32] = np.asarray(session.run(["logits"], given)[0], dtype=np.float32)
        return found

    return _beside(logits, source)


@kept_signal_stack()
def _openvino(source: Source, settings: Settings) -> _Opened:
    import numpy as np
    import openvino as ov

    from assistant.engines.openvino_engine import PROPERTIES

    folder = _openvino_folder(source, settings)
    precise = {name: value for name, value in PROPERTIES.items() if name != "KV_CACHE_PRECISION"}
    request = ov.Core().compile_model(str(folder / "openvino_model.xml"), "CPU", precise).create_infer_request()
    names = {name for each in request.model_inputs for name in each.names}

    def logits(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        request.reset_state()
        given = {name: value for name, value in _inputs(ids).items() if name in names}
        found: NDArray[np.float32] = np.asarray(request.infer(given)["logits"], dtype=np.float32)
        return found

    return _beside(logits, source, settings)


def _openvino_folder(source: Source, settings: Settings) -> Path:
    from assistant.engines.loading import engine_folder, prepare

    path = Path(source.folder)
    gguf = path if path.suffix == ".gguf" else next(iter(path.glob("*.gguf")), None)
    if gguf is None:
        return path
    prepare(gguf, settings, "openvino")
    return engine_folder(gguf, settings) / "openvino"


def _inputs(ids: NDArray[np.int64]) -> dict[str, Any]:
    import numpy as np

    places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape).copy()
    return {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "position_ids": places,
        "beam_idx": np.arange(len(ids), dtype=np.int32),
    }


def _beside(logits: Logits, source: Source, settings: Settings | None = None) -> _Opened:
    """The tokenizer and the facts that lie beside an exported model."""
    path = Path(source.folder)
    gguf = path if path.suffix == ".gguf" else next(iter(path.glob("*.gguf")), None)
    if gguf is not None and settings is not None:
        from assistant.engines.loading import prepare

        codec = prepare(gguf, settings)
        first = codec.tokenizer.token_to_id(codec.facts.bos or codec.facts.eos)
        return _Opened(logits, _plain(codec.tokenizer), codec.facts.context, _whole(first, source))
    from transformers import AutoConfig, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    prefix = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    context = _context(AutoConfig.from_pretrained(path)) if (path / "config.json").is_file() else LONGEST_WINDOW
    return _Opened(logits, _plain(tokenizer.backend_tokenizer), context, _whole(prefix, source))


_OPEN: dict[str, Callable[[Source, Settings], _Opened]] = {
    "transformers": _transformers,
    "onnx": _onnx,
    "openvino": _openvino,
}
