"""The reader as an OpenVINO graph: the pulled encoder with our tuned layers, a span head and an answerability head.

The same network as `training.reader.model`, written without torch; a test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.knowledge.encoder_graph import _Bert, _ints, _mean

if TYPE_CHECKING:
    import openvino

_CLOSED = -30.0


def build_reader(base: Path, tuned: Sequence[Path]) -> openvino.Model:
    """The graph `(input_ids, attention_mask, token_type_ids) -> (start, end, answerable)`.

    Inputs are int64 (batch, length), outputs float32 (batch, length) twice and (batch). `base` gives the configuration
    and the word embeddings, the `tuned` safetensors files everything else. Raises `KeyError` where a weight is missing.
    """
    import openvino
    from openvino import opset13 as op
    from safetensors import safe_open
    from safetensors.numpy import load_file

    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    weights: dict[str, Any] = {}
    for shard in tuned:
        weights |= load_file(shard)
    words = "embeddings.word_embeddings.weight"
    with safe_open(str(base / "model.safetensors"), "numpy") as pulled:
        name = words if words in pulled.keys() else f"bert.{words}"  # noqa: SIM118 - no mapping
        weights[f"encoder.{words}"] = pulled.get_tensor(name)
    ids, mask, types = (
        op.parameter([-1, -1], np.int64, name=name) for name in ("input_ids", "attention_mask", "token_type_ids")
    )
    bert = _PairBert(config, {name.removeprefix("encoder."): value for name, value in weights.items()}, types)
    keep, passage = op.convert(mask, "f32"), op.convert(types, "f32")
    hidden = bert.encode(ids, keep)
    outside = op.unsqueeze(op.equal(types, _ints(0)), _ints(2))
    spans = op.select(outside, bert.number(_CLOSED), bert.linear(hidden, "span"))
    judged = _judge(bert, hidden, spans, keep, passage)
    start, end = (op.gather(spans, _scalar_index(side), _ints(2)) for side in (0, 1))
    return openvino.Model([op.result(node) for node in (start, end, judged)], [ids, mask, types], "reader")


def _scalar_index(value: int) -> Any:
    from openvino import opset13 as op

    return op.constant(np.int64(value))


def _judge(bert: _PairBert, hidden: Any, spans: Any, keep: Any, passage: Any) -> Any:
    """First token, means of question and passage, best span → one logit."""
    from openvino import opset13 as op

    best = op.divide(op.reduce_sum(op.reduce_max(spans, _ints(1)), _ints(1), True), bert.number(10.0))
    first = op.gather(hidden, _scalar_index(0), _ints(1))
    question = op.multiply(keep, op.subtract(bert.number(1.0), passage))
    pooled = op.concat([first, _mean(hidden, question), _mean(hidden, op.multiply(keep, passage)), best], 1)
    inner = op.gelu(bert.linear(pooled, "judge_in"), "erf")
    return op.squeeze(bert.linear(inner, "judge_out"), _ints(1))


class _PairBert(_Bert):
    """A BERT that tells question and passage apart by token types."""

    def __init__(self, config: dict[str, Any], weights: dict[str, Any], types: Any) -> None:
        super().__init__(config, weights)
        self._types = types

    def linear(self, hidden: Any, name: str) -> Any:
        """A dense layer by its name."""
        return self._linear(hidden, name)

    def number(self, value: float) -> Any:
        """A float32 constant."""
        return self._scalar(value)

    def _embed(self, ids: Any) -> Any:
        from openvino import opset13 as op

        length = op.gather(op.shape_of(ids), _ints(1), _ints(0))
        words = op.gather(self._weight("embeddings.word_embeddings.weight"), ids, _ints(0))
        table = self._weight("embeddings.position_embeddings.weight")
        positions = op.slice(table, _ints(0), length, _ints(1), _ints(0))
        kinds = op.gather(self._weight("embeddings.token_type_embeddings.weight"), self._types, _ints(0))
        return self._norm(op.add(op.add(words, positions), kinds), "embeddings.LayerNorm")
