"""Any causal language model `transformers` can load: the reference on a processor (fp32), bf16 on CUDA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from assistant.engines.types import Emit, Sampling

PREFILL = 512
"""Prompt tokens computed at a time; between two such pieces a cancelled request is noticed."""


class TransformersEngine:
    """Runs one model with a decoding loop of our own, so that stopping, seeds and prefix reuse are exact."""

    name = "transformers"
    constrains = False

    def __init__(self, source: str, device: str = "cpu", dtype: Literal["auto", "fp32", "bf16"] = "auto") -> None:
        """`source` is a folder or a hub repository. `auto` means bf16 on CUDA and fp32 elsewhere."""
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # half a second only
        kinds = {"fp32": torch.float32, "bf16": torch.bfloat16}
        kinds["auto"] = torch.bfloat16 if device == "cuda" else torch.float32
        self.device = device
        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=kinds[dtype])
        self.model = model.to(device).eval()
        self._cache: Any = None
        self._seen: list[int] = []
        """The ids whose keys and values are in the cache."""

    def run(self, prompt: Sequence[int], sampling: Sampling, ends: frozenset[int], emit: Emit) -> None:
        """Emit new tokens; see `Engine.run`."""
        import torch

        with torch.inference_mode():
            try:
                self._run(list(prompt), sampling, ends, emit)
            except BaseException:
                self._cache, self._seen = None, []  # it may be half written
                raise

    def run_together(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: frozenset[int]
    ) -> list[list[int]]:
        """The new tokens of several prompts; see `Engine.run_together`."""
        import torch

        with torch.inference_mode():
            return self._run_together(prompts, sampling, ends)

    def _run_together(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: frozenset[int]
    ) -> list[list[int]]:
        import torch
        from transformers import DynamicCache

        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=self.device)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=self.device)
        shown = (torch.arange(longest, device=self.device) >= longest - lengths[:, None]).long()
        cache, written = DynamicCache(config=self.model.config), [list(prompt) for prompt in prompts]
        generator = torch.Generator(self.device)
        generator.manual_seed(sampling.seed) if sampling.seed is not None else generator.seed()
        over = [False] * len(prompts)
        for _ in range(sampling.max_tokens):
            places = (shown.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            out = self.model(
                input_ids=ids, attention_mask=shown, position_ids=places, past_key_values=cache, logits_to_keep=1
            )
            new = [
                choose(row.float(), text, sampling, generator)
                for row, text in zip(out.logits[:, -1], written, strict=True)
            ]
            for number, token in enumerate(new):
                over[number] = over[number] or token in ends
                if not over[number]:
                    written[number].append(token)
            if all(over):
                break
            ids = torch.tensor(new, device=self.device)[:, None]
            shown = torch.cat([shown, torch.ones_like(ids)], dim=1)
        return [text[len(prompt) :] for text, prompt in zip(written, prompts, strict=True)]

    def _run(self, prompt: list[int], sampling: Sampling, ends: frozenset[int], emit: Emit) -> None:
        import torch

        generator = torch.Generator(self.device)
        if sampling.seed is None:
            generator.seed()
        else:
            generator.manual_seed(sampling.seed)
        logits = self._feed(prompt[self._reuse(prompt) :])
        written = list(prompt)
        for number in range(sampling.max_tokens):
            token = choose(logits, written, sampling, generator)
            if token in ends or not emit(token):
                return
            written.append(token)
            if number + 1 < sampling.max_tokens:
                logits = self._feed([token])

    def _reuse(self, prompt: list[int]) -> int:
        """Cut the cache back to what it shares with the prompt, one token short of all of it; its length."""
        shared = 0
        for old, new in zip(self._seen, prompt[:-1], strict=False):
            if old != new:
                break
            shared += 1
        if self._cache is None or not shared or not self._crop(shared):
            from transformers import DynamicCache

            self._cache, self._seen, shared = DynamicCache(config=self.model.config), [], 0
        self._seen = self._seen[:shared]
        return shared

    def _crop(self, length: int) -> bool:
        if length == len(self._seen):
            return True
        if any(getattr(layer, "is_sliding", False) for layer in self._cache.layers):
            return False  # what has slid out of the window cannot be had back
        try:
            self._cache.crop(length - len(self._seen))  # negative: how many to take off the end
        except (AttributeError, NotImplementedError, ValueError, TypeError):
            return False
        return bool(self._cache.get_seq_length() == length)

    def _feed(self, ids: list[int]) -> Any:
        """Put ids through the model; the logits behind the last one, shape (vocabulary,), float32."""
        import torch

        for start in range(0, len(ids), PREFILL):
            piece = torch.tensor([ids[start : start + PREFILL]], device=self.device)
            out = self.model(input_ids=piece, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
            self._seen += ids[start : start + PREFILL]
        return out.logits[0, -1].float()


def choose(logits: Any, written: Sequence[int], sampling: Sampling, generator: Any) -> int:
    """The next token id from logits of shape (vocabulary,)."""
    import torch

    if sampling.repetition_penalty != 1.0:
        seen = torch.tensor(sorted(set(written)), device=logits.device)
        values = logits[seen]
        penalty = sampling.repetition_penalty
        logits[seen] = torch.where(values > 0, values / penalty, values * penalty)
    if sampling.temperature <= 0:
        return int(logits.argmax())
    chances = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        ordered, places = chances.sort(descending=True)
        kept = ordered.cumsum(0) - ordered < sampling.top_p  # the first one always stays
        chances = torch.zeros_like(chances).scatter(0, places[kept], ordered[kept])
    return int(torch.multinomial(chances, 1, generator=generator))
