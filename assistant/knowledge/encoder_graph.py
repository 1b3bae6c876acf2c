"""A BERT sentence encoder as an OpenVINO graph, written from its weights.

Building the graph from `model.safetensors` takes a second and needs neither torch nor a trace: the attention mask and
every length stay dynamic because nothing was recorded from an example. Architecture: Devlin et al. 2018 (BERT),
pooling as in Reimers and Gurevych 2019 (Sentence-BERT).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import openvino

_MASKED = 1e4
"""What a masked position loses before the softmax: enough for every precision, never infinite."""


def build(folder: Path, pooling: str, *, small: bool = False) -> openvino.Model:
    """The graph `(input_ids, attention_mask) -> unit vectors`, inputs int64 (batch, length), output (batch, hidden).

    `folder` holds `config.json` and `model.safetensors` of a BERT; `pooling` is `mean` or `cls`. `small` keeps the
    weights of the linear layers in 8 bits with a scale for each output, as OpenVINO's integer kernels want them.
    Raises `KeyError` where a weight is missing.
    """
    import openvino
    from openvino import opset13 as op
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    bert = _Bert(config, load_file(folder / "model.safetensors"), small)
    ids = op.parameter([-1, -1], np.int64, name="input_ids")
    mask = op.parameter([-1, -1], np.int64, name="attention_mask")
    keep = op.convert(mask, "f32")
    hidden = bert.encode(ids, keep)
    pooled = _mean(hidden, keep) if pooling == "mean" else op.gather(hidden, _ints(0), _ints(1))
    if pooling == "cls":
        pooled = op.squeeze(pooled, _ints(1))
    unit = op.normalize_l2(pooled, _ints(1), 1e-12, "max")
    return openvino.Model([op.result(unit)], [ids, mask], "sentence_encoder")


def _ints(*values: int) -> Any:
    from openvino import opset13 as op

    return op.constant(np.array(values, dtype=np.int64))


def _mean(hidden: Any, keep: Any) -> Any:
    from openvino import opset13 as op

    weights = op.unsqueeze(keep, _ints(2))
    return op.divide(op.reduce_sum(op.multiply(hidden, weights), _ints(1)), op.reduce_sum(weights, _ints(1)))


class _Bert:
    """The encoder's layers; every method adds nodes and returns the last one."""

    def __init__(self, config: dict[str, Any], weights: dict[str, Any], small: bool = False) -> None:
        self.config, self.small = config, small
        self.weights = {name.removeprefix("bert."): value for name, value in weights.items()}

    def encode(self, ids: Any, keep: Any) -> Any:
        from openvino import opset13 as op

        # (1 - keep) * -1e4, shaped (batch, 1, 1, length) so that it falls on the keys of every head
        bias = op.multiply(op.subtract(op.unsqueeze(keep, _ints(1, 2)), self._scalar(1)), self._scalar(_MASKED))
        hidden = self._embed(ids)
        for layer in range(self.config["num_hidden_layers"]):
            hidden = self._layer(hidden, bias, f"encoder.layer.{layer}.")
        return hidden

    def _embed(self, ids: Any) -> Any:
        from openvino import opset13 as op

        length = op.gather(op.shape_of(ids), _ints(1), _ints(0))
        words = op.gather(self._weight("embeddings.word_embeddings.weight"), ids, _ints(0))
        table = self._weight("embeddings.position_embeddings.weight")
        positions = op.slice(table, _ints(0), length, _ints(1), _ints(0))
        kind = op.constant(self._array("embeddings.token_type_embeddings.weight")[0])  # one segment only
        return self._norm(op.add(op.add(words, positions), kind), "embeddings.LayerNorm")

    def _layer(self, hidden: Any, bias: Any, prefix: str) -> Any:
        from openvino import opset13 as op

        names = (f"{prefix}attention.self.{part}" for part in ("query", "key", "value"))
        query, key, value = (self._heads(self._linear(hidden, name)) for name in names)
        mixed = op.transpose(self._attention(query, key, value, bias), _ints(0, 2, 1, 3))
        mixed = op.reshape(mixed, _ints(0, 0, self.config["hidden_size"]), True)
        attended = op.add(self._linear(mixed, f"{prefix}attention.output.dense"), hidden)
        attended = self._norm(attended, f"{prefix}attention.output.LayerNorm")
        inner = op.gelu(self._linear(attended, f"{prefix}intermediate.dense"), "erf")
        return self._norm(op.add(self._linear(inner, f"{prefix}output.dense"), attended), f"{prefix}output.LayerNorm")

    def _attention(self, query: Any, key: Any, value: Any, bias: Any) -> Any:
        """Written out: OpenVINO fuses these four steps, and was a tenth slower with its own attention operation."""
        from openvino import opset13 as op

        size = self.config["hidden_size"] // self.config["num_attention_heads"]
        scores = op.matmul(op.multiply(query, self._scalar(size**-0.5)), key, False, True)
        return op.matmul(op.softmax(op.add(scores, bias), -1), value, False, False)

    def _heads(self, hidden: Any) -> Any:
        from openvino import opset13 as op

        heads = self.config["num_attention_heads"]
        split = op.reshape(hidden, _ints(0, 0, heads, self.config["hidden_size"] // heads), True)
        return op.transpose(split, _ints(0, 2, 1, 3))

    def _linear(self, hidden: Any, name: str) -> Any:
        from openvino import opset13 as op

        weight = self._in_eight_bits(f"{name}.weight") if self.small else self._weight(f"{name}.weight")
        return op.add(op.matmul(hidden, weight, False, True), self._weight(f"{name}.bias"))

    def _norm(self, hidden: Any, name: str) -> Any:
        from openvino import opset13 as op

        normal = op.mvn(hidden, _ints(-1), True, self.config["layer_norm_eps"], "inside_sqrt")
        return op.add(op.multiply(normal, self._weight(f"{name}.weight")), self._weight(f"{name}.bias"))

    def _array(self, name: str) -> Any:
        return self.weights[name].astype(np.float32)

    def _weight(self, name: str) -> Any:
        from openvino import opset13 as op

        return op.constant(self._array(name))

    def _in_eight_bits(self, name: str) -> Any:
        from openvino import opset13 as op

        exact = self._array(name)
        scale = np.maximum(np.abs(exact).max(axis=1, keepdims=True), 1e-12) / 127
        whole = op.convert(op.constant(np.round(exact / scale).astype(np.int8)), "f32")
        return op.multiply(whole, op.constant(scale.astype(np.float32)))

    @staticmethod
    def _scalar(value: float) -> Any:
        from openvino import opset13 as op

        return op.constant(np.float32(value))
