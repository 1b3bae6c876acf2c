"""Graphs for engines that know no transformers: ONNX, OpenVINO, TorchScript. Input `input_ids`, output `logits`.

They hold no cache of keys and values: right for scoring and short answers, slower than GGUF for long ones.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import ModelError
from graphs.signal_stack import kept_signal_stack
from training.export.gguf_format import most_lost, relative_error
from training.export.targets import Logits

_BLOCK = 32
"""Weights that share a scale."""


def write_onnx(model: Any, folder: Path, quantise: str = "", share: float = 1.0) -> Path:
    """`model.onnx`: weights in fp32, or in 8 bits, or `share` of them in 4, by blocks.

    Activations stay fp32: dynamic int8 ruins answers.
    """
    import torch

    path = folder / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _plain(model),
            (_example(),),
            str(path),
            dynamo=True,
            input_names=["input_ids"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch"), 1: torch.export.Dim("length")},),
            verbose=False,
        )
    return _few_bits(path, {"int8": 8, "int4": 4}[quantise], share) if quantise else path


def _few_bits(path: Path, bits: int, share: float) -> Path:
    """Weights of matrix products in `bits` bits, but in eight those that lose most, so that `share` is left."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    plain = onnx.load(str(path))
    kept = _dearest(plain, share) if bits < 8 else set()
    own = {"block_size": _BLOCK, "is_symmetric": False}
    quantiser = MatMulNBitsQuantizer(plain, bits=bits, nodes_to_exclude=sorted(kept), **own)
    quantiser.process()
    if kept:
        quantiser = MatMulNBitsQuantizer(quantiser.model.model, bits=8, **own)
        quantiser.process()
    for old in (path, path.with_name(path.name + ".data")):
        old.unlink(missing_ok=True)
    quantiser.model.save_model_to_file(str(path), use_external_data_format=True)
    return path


def _dearest(model: Any, share: float) -> set[str]:
    """The matrix products whose weights lose most by four bits."""
    from onnx.numpy_helper import to_array

    stored = {one.name: one for one in model.graph.initializer}
    products = {one.name: stored[one.input[1]] for one in model.graph.node if _has_weights(one, stored)}
    weights = {name: to_array(one) for name, one in products.items()}
    lost = {name: relative_error(values, _in_four_bits(values)) for name, values in weights.items()}
    return most_lost(lost, {name: values.size for name, values in weights.items()}, share)


def _has_weights(node: Any, stored: Mapping[str, Any]) -> bool:
    return node.op_type == "MatMul" and node.input[1] in stored


def _in_four_bits(values: Any) -> Any:
    """Weights (in, out) as blocks of four bits along the inputs, and back; rows that fill no block as they are."""
    whole = len(values) // _BLOCK * _BLOCK
    blocks = values[:whole].reshape(-1, _BLOCK, values.shape[1])
    low, high = blocks.min(1, keepdims=True), blocks.max(1, keepdims=True)
    step = np.maximum((high - low) / 15, 1e-12)
    found = np.round((blocks - low) / step) * step + low
    return np.concatenate([found.reshape(whole, -1), values[whole:]])


def onnx_logits(path: Path) -> Logits:
    """The logits of an ONNX file in onnxruntime on a processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda ids: np.asarray(session.run(["logits"], {"input_ids": np.array([ids])})[0][0], dtype=np.float32)


@kept_signal_stack()
def write_openvino(model: Any, folder: Path, quantise: str = "", share: float = 1.0) -> Path:
    """`openvino_model.xml` and `.bin`: fp32, or weights in 8 bits, or `share` of them in 4, by NNCF."""
    import openvino as ov
    import torch

    path = folder / "openvino_model.xml"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        made = ov.convert_model(_plain(model, masked=True), example_input=_example(), input=[([-1, -1], ov.Type.i64)])
    made.inputs[0].get_tensor().set_names({"input_ids"})
    made.outputs[0].get_tensor().set_names({"logits"})
    if quantise:
        import nncf

        nncf.set_log_level(logging.ERROR)  # its tables would stand in what a program reads from standard output
        mode = {"int8": nncf.CompressWeightsMode.INT8_ASYM, "int4": nncf.CompressWeightsMode.INT4_ASYM}[quantise]
        few = {"group_size": _BLOCK, "ratio": share}  # the rest, which loses most, in eight bits
        with contextlib.redirect_stdout(sys.stderr):  # its progress bar
            made = nncf.compress_weights(made, mode=mode, **(few if quantise == "int4" else {}))
    ov.save_model(made, str(path), compress_to_fp16=False)
    return path


@kept_signal_stack()
def openvino_logits(path: Path) -> Logits:
    """The logits of an OpenVINO file on a processor, computed in fp32."""
    import openvino as ov

    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    compiled = ov.Core().compile_model(str(path), "CPU", exact)
    return lambda ids: np.array(compiled({"input_ids": np.array([ids])})["logits"][0], dtype=np.float32)


def write_torchscript(model: Any, folder: Path) -> Path:
    """`model.ts`, traced; its file is a zip of weights and code that runs in torch alone."""
    import torch

    path = folder / "model.ts"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        trace: Any = torch.jit.trace
        torch.jit.save(trace(_plain(model), (_example(),), check_trace=False), str(path))
    return path


def torchscript_logits(path: Path) -> Logits:
    """The logits of a TorchScript file. Raises `ModelError` where the trace holds one length only."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load: Any = torch.jit.load
        module = load(str(path))

    def logits(ids: list[int]) -> NDArray[np.float32]:
        try:
            with torch.inference_mode():
                return np.asarray(module(torch.tensor([ids]))[0].float().numpy())
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1]
            raise ModelError(f"The traced model fails on {len(ids)} tokens: {first}", "Export it as onnx.") from error

    return logits


def _example() -> Any:
    import torch

    return torch.tensor([[1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1]])


def _plain(model: Any, masked: bool = False) -> Any:
    """Ids in, logits out: no cache, attention written out. `masked` gives a mask of ones, without which transformers
    looks for packed texts by an operation that OpenVINO does not know."""
    import torch

    class Plain(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any) -> Any:
            mask = torch.ones_like(input_ids) if masked else None
            return self.model(input_ids=input_ids, attention_mask=mask, use_cache=False).logits

    model.config.use_cache = False
    model.set_attn_implementation("eager")
    return Plain().eval()
