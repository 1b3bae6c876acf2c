"""GGUF weights in OpenVINO's own format: made once, loaded in a third of the time, and mended."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from graphs.errors import ModelError
from graphs.signal_stack import kept_signal_stack

_log = logging.getLogger(__name__)
_MODEL = "openvino_model.xml"
_BLOCK = 32
"""Weights that share a scale and an offset in GGUF's Q4_1."""


def convert(file: Path, folder: Path, mended: bool = True) -> Path:
    """Turn a GGUF file into OpenVINO's format. The folder appears whole or not at all.

    Raises `ModelError` for an architecture OpenVINO does not know.
    """
    if (folder / _MODEL).is_file():
        return folder
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    twin = part / file.name  # OpenVINO writes beside the file it reads, which is not ours to litter
    try:
        os.link(file, twin)
    except OSError:
        shutil.copyfile(file, twin)
    _save(twin)
    twin.unlink()
    if mended:
        mend_offsets(file, part)
    part.replace(folder)
    return folder


def _save(file: Path) -> None:
    import openvino_genai as genai

    try:
        with kept_signal_stack():
            genai.LLMPipeline(str(file), "CPU", enable_save_ov_model=True)
    except RuntimeError as error:
        shutil.rmtree(file.parent, ignore_errors=True)
        first = str(error).strip().splitlines()[-1]
        cure = "Set models.engine to 'transformers', or use another model."
        raise ModelError(f"OpenVINO cannot read {file.name!r}: {first}.", cure) from error


def mend_offsets(file: Path, folder: Path) -> int:
    """Give Q4_1 weights back the offsets that OpenVINO's reader rounded; the number of matrices mended.

    Q4_1 stores a block as `d * q + m`. OpenVINO computes `d * (q - z)` and its reader rounds `z = -m / d` to four
    bits, which changes the model's answers a great deal (docs/engines.md has the figures). Here `z` becomes a
    half-precision number. The reader also reorders rows, so a row is found again by its scales.
    """
    import openvino as ov

    offsets = _offsets(file)
    if not offsets:
        return 0
    model = ov.Core().read_model(folder / _MODEL)
    mended = sum(_mend(node, offsets) for node in model.get_ordered_ops() if node.get_type_name() == "Subtract")
    if mended:
        ov.save_model(model, folder / "mended.xml", compress_to_fp16=False)
        del model  # lets go of the file it was read from
        (folder / "mended.bin").replace(folder / "openvino_model.bin")
        (folder / "mended.xml").replace(folder / _MODEL)
    return mended


def _offsets(file: Path) -> dict[bytes, Any]:
    """For every row of every Q4_1 matrix: its scales' bytes → `-m / d`, shape (blocks,), float16."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFReader

    found: dict[bytes, Any] = {}
    for tensor in GGUFReader(file).tensors:
        if tensor.tensor_type != GGMLQuantizationType.Q4_1:
            continue
        blocks = np.asarray(tensor.data).reshape(-1, int(tensor.shape[0]) // _BLOCK, 4 + _BLOCK // 2)
        scales = blocks[:, :, 0:2].copy().view(np.float16)[..., 0]
        lows = blocks[:, :, 2:4].copy().view(np.float16)[..., 0].astype(np.float32)
        wide = scales.astype(np.float32)
        zeros = np.where(wide != 0, -lows / np.where(wide == 0, 1, wide), 0).astype(np.float16)
        for scale, zero in zip(scales, zeros, strict=True):
            key = scale.tobytes()
            if key in found and not np.array_equal(found[key], zero):
                _log.warning("two rows of %s share their scales; one keeps a rounded offset", file.name)
            found[key] = zero
    return found


def _mend(subtract: Any, offsets: dict[bytes, Any]) -> bool:
    """Replace the offsets of one weight matrix, where all its rows are known."""
    import numpy as np
    import openvino as ov
    from openvino import opset13

    weights = subtract.input_value(0).get_node()
    if weights.get_type_name() != "Convert" or weights.input_value(0).get_element_type() != ov.Type.u4:
        return False
    multiply = next(iter(subtract.output(0).get_target_inputs())).get_node()
    scales = multiply.input_value(1).get_node().get_data()
    rows = [offsets[key] for row in scales if (key := row.tobytes()) in offsets]
    if len(rows) < len(scales):
        _log.warning("a weight matrix of shape %s could not be mended", scales.shape)
        return False
    zeros = np.stack(rows).reshape(scales.shape)
    subtract.input(1).replace_source_output(opset13.constant(zeros, dtype=np.float16).output(0))
    return True
