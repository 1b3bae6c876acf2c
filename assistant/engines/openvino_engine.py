"""The default engine on a processor: OpenVINO GenAI, reading the GGUF weights as they are."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.engines.types import Emit, Sampling
from graphs.errors import ModelError
from graphs.signal_stack import kept_signal_stack

PROPERTIES: dict[str, Any] = {
    "INFERENCE_PRECISION_HINT": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    "KV_CACHE_PRECISION": "f16",
}
"""How exactly it computes; docs/engines.md says why."""
CACHE_GIB = 1
"""Memory the keys and values of earlier prompts may take."""


class OpenVinoEngine:
    """Runs one model. Blocks of keys and values of earlier prompts are kept and reused by whoever shares a prefix."""

    name = "openvino"
    device = "cpu"
    constrains = True

    def __init__(self, folder: Path, threads: int = 0, properties: Mapping[str, Any] | None = None) -> None:
        """`folder` is what `convert` wrote; `properties` are OpenVINO's own, over those chosen here.

        Raises `ModelError` where OpenVINO cannot load it.
        """
        import openvino_genai as genai

        import assistant.engines.openvino_ready  # noqa: F401 - before any thread meets its first array

        self._genai = genai
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = CACHE_GIB
        scheduler.enable_prefix_caching = True
        options: dict[str, Any] = {**PROPERTIES, **(properties or {})}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            with kept_signal_stack():
                self._pipeline = genai.LLMPipeline(str(folder), "CPU", scheduler_config=scheduler, **options)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1]
            cure = f"Delete {folder} so that it is made again, or set models.engine to 'transformers'."
            raise ModelError(f"OpenVINO cannot load {folder.name!r}: {first}.", cure) from error

    def run(self, prompt: Sequence[int], sampling: Sampling, ends: frozenset[int], emit: Emit) -> None:
        """Emit new tokens; see `Engine.run`."""
        import numpy as np
        from openvino import Tensor

        tensor = Tensor(np.asarray([list(prompt)], dtype=np.int64))
        self._pipeline.generate(tensor, self._config(sampling, ends), _streamer(self._genai, ends, emit))

    def run_together(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: frozenset[int]
    ) -> list[list[int]]:
        """The new tokens of several prompts; see `Engine.run_together`."""
        import numpy as np
        from openvino import Tensor

        ids = np.zeros((len(prompts), max(map(len, prompts))), dtype=np.int64)
        shown = np.zeros_like(ids)
        for row, prompt in enumerate(prompts):  # padded on the left: the last token of each is the last of its row
            ids[row, ids.shape[1] - len(prompt) :] = prompt
            shown[row, ids.shape[1] - len(prompt) :] = 1
        given = self._genai.TokenizedInputs(Tensor(ids), Tensor(shown))
        return [
            _ended(list(each), ends) for each in self._pipeline.generate(given, self._config(sampling, ends)).tokens
        ]

    def _config(self, sampling: Sampling, ends: frozenset[int]) -> Any:
        config = self._genai.GenerationConfig()
        config.max_new_tokens = sampling.max_tokens
        config.apply_chat_template = False
        config.stop_token_ids = set(ends)
        config.repetition_penalty = sampling.repetition_penalty
        config.do_sample = sampling.temperature > 0
        if config.do_sample:
            config.temperature, config.top_p = sampling.temperature, sampling.top_p
            config.rng_seed = secrets.randbits(31) if sampling.seed is None else sampling.seed
        if sampling.regex or sampling.json_schema:
            structure = self._genai.StructuredOutputConfig()
            if sampling.json_schema:
                structure.json_schema = sampling.json_schema
            else:
                structure.regex = sampling.regex
            config.structured_output_config = structure
        return config


def _ended(tokens: list[int], ends: frozenset[int]) -> list[int]:
    """The tokens before the one that ends the answer."""
    return tokens[: next((at for at, token in enumerate(tokens) if token in ends), len(tokens))]


def _streamer(genai: Any, ends: frozenset[int], emit: Emit) -> Any:
    class Streamer(genai.StreamerBase):  # type: ignore[misc]
        def write(self, token: int | list[int]) -> Any:
            for one in token if isinstance(token, list) else [token]:
                if one in ends:
                    return genai.StreamingStatus.STOP
                if not emit(one):
                    return genai.StreamingStatus.CANCEL
            return genai.StreamingStatus.RUNNING

        def end(self) -> None:
            return None

    return Streamer()
