"""A model's folder to files of another format, and the report of whether they answer alike."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graphs.errors import NotFoundError, TrainingError, UsageError
from training.export.gguf_format import FEW_BITS as FEW_BITS_OF_GGUF
from training.export.gguf_format import QUANTISED, write_gguf
from training.export.parity import EIGHT, EXACT, FOUR, HALF, QUESTIONS, Bars, Parity, compare
from training.export.targets import Reference, Target, folder_target, gguf_target, graph_target, torch_target
from training.export.texts import TEXTS
from training.registry import write_whole

FORMATS = {
    "merged": ("",),
    "gguf": QUANTISED,
    "onnx": ("", "int8", "int4"),
    "openvino": ("", "int8", "int4"),
    "torchscript": ("",),
}
"""Format → what `quantise` may be; the first of each but GGUF is fp32, GGUF's default is f16."""
FEW_BITS = (*FEW_BITS_OF_GGUF, "int4")
SHARES = (1.0, 0.75, 0.5, 0.25)
"""How many of the weights get fewer than eight bits: as many as parity allows, tried in this order."""
_BARS: dict[str, Bars] = {"": EXACT, "f32": EXACT, "f16": HALF, "q8_0": EIGHT, "int8": EIGHT}


@dataclass(frozen=True)
class Exported:
    """What an export left."""

    folder: Path
    files: list[str]
    format: str
    quantise: str
    parity: Parity

    def as_json(self) -> dict[str, Any]:
        """As `crossroads export --json` prints it."""
        about = {"files": self.files, "folder": str(self.folder), "format": self.format, "quantize": self.quantise}
        return {**about, "parity": self.parity.as_json()}


def export(
    source: Path,
    out: Path,
    format: str,  # noqa: A002 - its name on the command line
    quantise: str = "",
    *,
    base: Path | None = None,
    texts: Sequence[str] = TEXTS,
    questions: int = 50,
    report: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write `source` (a Hugging Face folder, or an adapter on `base`) to `out` and prove that it answers alike.

    `out/parity.json` holds the proof. Raises `UsageError` for a format or architecture that cannot be, and
    `TrainingError` naming what differs where a bar is missed: the files then stay in `out.failed`, not in `out`.
    """
    quantise = _checked(format, quantise, out)
    report("loading the model")
    return release(open_source(source, base), out, format, quantise, texts=texts, questions=questions, report=report)


@dataclass(frozen=True)
class Source:
    """A model ready to be exported, and what an export is held against."""

    model: Any
    tokenizer: Any
    reference: Reference
    """The model itself; of an adapter, base and adapter as they answer before they are merged."""


def open_source(source: Path, base: Path | None = None) -> Source:
    """Load what is exported: a folder, or an adapter with its base. Raises `NotFoundError`, `UsageError`."""
    model, tokenizer = load(source, base)
    merged = torch_target(model, tokenizer)
    if not _is_adapter(source):
        return Source(model, tokenizer, merged)
    apart = torch_target(load(source, base, merge=False)[0], tokenizer)
    return Source(model, tokenizer, replace(apart, tensors=merged.tensors))


def release(
    opened: Source,
    out: Path,
    format: str,  # noqa: A002 - its name on the command line
    quantise: str,
    *,
    texts: Sequence[str] = TEXTS,
    questions: int = 50,
    report: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write an open model to `out` and prove that it answers alike, as `export` does."""
    part = out.with_name(out.name + ".part")
    bars = _BARS.get(quantise, FOUR)
    for share in SHARES if quantise in FEW_BITS else SHARES[:1]:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        report(f"writing {format} {quantise}".rstrip() + (f", {share:.0%} of the weights" if share < 1 else ""))
        target = _WRITE[format](opened.model, opened.tokenizer, part, quantise, share)
        report("comparing logits")
        if quantise not in FEW_BITS or not compare(opened.reference, target, texts, bars, questions=()).only_weights:
            break
    report("comparing answers")
    parity = compare(opened.reference, target, texts, bars, questions=QUESTIONS[:questions])
    parity.few_bits = share
    write_whole(part / "parity.json", json.dumps(parity.as_json(), indent=1))
    failed = out.with_name(out.name + ".failed")
    shutil.rmtree(failed, ignore_errors=True)
    if not parity.passed:
        part.replace(failed)
        cure = f"Nothing was released; the files and parity.json are in {str(failed)!r}."
        raise TrainingError(f"The export does not answer as the model does: {'; '.join(parity.differs)}.", cure)
    part.replace(out)
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return Exported(out, files, format, quantise, parity)


def load(source: Path, base: Path | None = None, *, merge: bool = True) -> tuple[Any, Any]:
    """Model in fp32 and tokenizer of a folder; an adapter is merged into its base unless `merge` is off.

    Raises `NotFoundError`, and `UsageError` for an adapter of virtual tokens.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    adapter = _is_adapter(source)
    weights = base if adapter else source
    if weights is None or not (weights / "config.json").is_file():
        raise NotFoundError(f"{str(weights or source)!r} holds no model.", "Name a model, or the adapter's base.")
    named = source if (source / "tokenizer.json").is_file() else weights
    tokenizer = AutoTokenizer.from_pretrained(named)
    model: Any = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32)
    if adapter:
        from peft import PeftModel

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an old name
            model = PeftModel.from_pretrained(model, source)
            if not hasattr(model, "merge_and_unload"):
                kind = model.peft_config["default"].peft_type.value
                raise UsageError(f"An adapter of the kind {kind} cannot be merged.", "Train it with adapter=lora.")
            model = model.merge_and_unload() if merge else model
    return model.eval(), tokenizer


def _is_adapter(source: Path) -> bool:
    return (source / "adapter_config.json").is_file()


def _checked(format: str, quantise: str, out: Path) -> str:  # noqa: A002
    if format not in FORMATS:
        raise UsageError(f"There is no format {format!r}.", f"Choose one of {', '.join(FORMATS)}.")
    quantise = quantise or ("f16" if format == "gguf" else "")
    if quantise not in FORMATS[format]:
        kinds = ", ".join(kind for kind in FORMATS[format] if kind) or "none"
        raise UsageError(f"{format} cannot be quantised as {quantise!r}.", f"It takes: {kinds}.")
    if out.exists():
        raise UsageError(f"{str(out)!r} is there already.", "Choose another --out, or delete it.")
    return quantise


def _merged(model: Any, tokenizer: Any, folder: Path, quantise: str, share: float) -> Target:
    del quantise, share
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder_target(folder)


def _gguf(model: Any, tokenizer: Any, folder: Path, quantise: str, share: float) -> Target:
    path = folder / f"model.{quantise.upper()}.gguf"
    write_gguf(model, tokenizer, path, quantise, share)
    return gguf_target(path)


def _onnx(model: Any, tokenizer: Any, folder: Path, quantise: str, share: float) -> Target:
    from training.export.graphs import onnx_logits, write_onnx

    return _graph(onnx_logits(write_onnx(model, folder, quantise, share)), model, tokenizer, folder, "onnx")


def _openvino(model: Any, tokenizer: Any, folder: Path, quantise: str, share: float) -> Target:
    from training.export.graphs import openvino_logits, write_openvino

    return _graph(openvino_logits(write_openvino(model, folder, quantise, share)), model, tokenizer, folder, "openvino")


def _torchscript(model: Any, tokenizer: Any, folder: Path, quantise: str, share: float) -> Target:
    from training.export.graphs import torchscript_logits, write_torchscript

    del quantise, share
    return _graph(torchscript_logits(write_torchscript(model, folder)), model, tokenizer, folder, "torchscript")


def _graph(logits: Any, model: Any, tokenizer: Any, folder: Path, name: str) -> Target:
    """The tokenizer goes beside the graph and is read back from there."""
    from transformers import AutoTokenizer

    tokenizer.save_pretrained(folder)
    model.config.save_pretrained(folder)
    return graph_target(logits, AutoTokenizer.from_pretrained(folder), name)


_WRITE: dict[str, Callable[[Any, Any, Path, str, float], Target]] = {
    "merged": _merged,
    "gguf": _gguf,
    "onnx": _onnx,
    "openvino": _openvino,
    "torchscript": _torchscript,
}
