"""The embedding model as the reader's base has it, in torch: for judging a run where the application is not at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST = 256
"""Tokens all-MiniLM-L6-v2 reads of a text."""


class BaseEncoder:
    """Mean-pooled states of the untuned base, of unit length."""

    def __init__(self, base: Path) -> None:
        from tokenizers import Tokenizer
        from transformers import BertModel

        model: Any = BertModel.from_pretrained(str(base), add_pooling_layer=False)
        self._model = model.eval()
        self._tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.enable_padding()

    def embed(self, texts: Sequence[str], batch: int = 32) -> dict[str, NDArray[np.float32]]:
        """The vector of every text, each computed once; texts of like length go together."""
        import torch

        found: dict[str, NDArray[np.float32]] = {}
        ordered = sorted(set(texts), key=len)
        for first in range(0, len(ordered), batch):
            part = ordered[first : first + batch]
            encoded: Any = self._tokenizer.encode_batch(part)
            ids = torch.tensor([one.ids for one in encoded])
            mask = torch.tensor([one.attention_mask for one in encoded])
            with torch.inference_mode():
                states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask.unsqueeze(-1).to(states.dtype)
            means = torch.nn.functional.normalize((states * weights).sum(1) / weights.sum(1), dim=-1)
            found |= dict(zip(part, means.numpy(), strict=True))
        return found
