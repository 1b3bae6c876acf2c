"""The engines `bench/engines.py` measures, each behind one function. Nothing is imported before it is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Run = Callable[[Sequence[int], int, Callable[[int], bool]], None]
"""Prompt ids, how many new ones at most, and who gets each: an answer of False stops it. Ends are not passed on."""


def open_engine(name: str, plan: dict[str, Any], threads: int) -> Run:
    """The engine of that name, loaded. Raises ImportError where it is not installed."""
    kind, _, variant = name.partition(" ")
    opener: Callable[[str, dict[str, Any], int], Run] = {
        "transformers": _transformers,
        "openvino": _openvino,
        "onnxruntime": _onnxruntime,
        "llama.cpp": _llamacpp,
    }[kind]
    return opener(variant, plan, threads)


def _product(engine: Any, ends: Sequence[int]) -> Run:
    from assistant.engines.types import Sampling

    def run(ids: Sequence[int], most: int, emit: Callable[[int], bool]) -> None:
        engine.run(ids, Sampling(max_tokens=most), frozenset(ends), emit)

    return run


def _transformers(variant: str, plan: dict[str, Any], threads: int) -> Run:
    import torch

    from assistant.engines.transformers_engine import TransformersEngine

    torch.set_num_threads(threads)
    return _product(TransformersEngine(plan["folder"], "cpu", variant), plan["ends"])  # type: ignore[arg-type]


OPENVINO: dict[str, dict[str, Any]] = {"as read": {}, "mended": {}}
"""OpenVINO's own defaults, on the weights as its reader leaves them and on mended ones; `exact` is the product's."""


def _openvino(variant: str, plan: dict[str, Any], threads: int) -> Run:
    from assistant.engines import openvino_engine

    if variant in OPENVINO:
        openvino_engine.PROPERTIES = {}
    folder = plan["openvino"][variant if variant == "as read" else ""]
    engine = openvino_engine.OpenVinoEngine(Path(folder), threads, OPENVINO.get(variant))
    return _product(engine, plan["ends"])


def _onnxruntime(variant: str, plan: dict[str, Any], threads: int) -> Run:
    import onnxruntime_genai as og

    config = og.Config(plan["onnx"][variant])
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}))
    model = og.Model(config)
    kept: dict[str, Any] = {"generator": None, "ids": []}

    def run(ids: Sequence[int], most: int, emit: Callable[[int], bool]) -> None:
        shared = _shared(kept["ids"], ids)
        if kept["generator"] is None or shared == 0:
            parameters = og.GeneratorParams(model)
            parameters.set_search_options(max_length=4096, do_sample=False)
            kept["generator"], shared = og.Generator(model, parameters), 0
        else:
            kept["generator"].rewind_to(shared)
        generator = kept["generator"]
        generator.append_tokens(list(ids[shared:]))
        kept["ids"] = list(ids)
        for _ in range(most):
            generator.generate_next_token()
            token = int(generator.get_next_tokens()[0])
            kept["ids"].append(token)
            if token in plan["ends"] or not emit(token):
                break
        if kept["generator"].is_done():
            kept["generator"] = None

    return run


def _llamacpp(_: str, plan: dict[str, Any], threads: int) -> Run:
    from llama_cpp import Llama

    model = Llama(plan["gguf"], n_ctx=4096, n_threads=threads, n_threads_batch=threads, verbose=False, logits_all=False)

    def run(ids: Sequence[int], most: int, emit: Callable[[int], bool]) -> None:
        for number, token in enumerate(model.generate(list(ids), temp=0.0, top_k=1, repeat_penalty=1.0), 1):
            if token in plan["ends"] or not emit(token) or number >= most:
                return

    return run


def _shared(old: Sequence[int], new: Sequence[int]) -> int:
    length = 0
    for left, right in zip(old, new[:-1], strict=False):
        if left != right:
            break
        length += 1
    return length
