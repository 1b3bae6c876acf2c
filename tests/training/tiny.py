"""Models and rows small enough to train in a test."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.assistant.tiny_models import byte_tokenizer

WORDS = {"red": "stop now", "green": "go ahead"}
"""What is asked about, and what is right to answer."""


def tiny_encoder(folder: Path) -> Path:
    """A random BERT over single bytes."""
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    first, last = (tokenizer.token_to_id(token) for token in ("<|user|>", "<|end|>"))
    tokenizer.post_processor = TemplateProcessing(
        single="<|user|> $A <|end|>",
        pair="<|user|> $A <|end|> $B:1 <|end|>:1",
        special_tokens=[("<|user|>", first), ("<|end|>", last)],
    )
    config = BertConfig(
        vocab_size=260,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
        pad_token_id=last,
    )
    BertModel(config).save_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|end|>", sep_token="<|end|>")
    fast.save_pretrained(folder)
    return folder


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def signals(number: int, seed: int = 0) -> list[tuple[str, str, str]]:
    """Questions about a colour, the right answer and the wrong one; no question occurs twice."""
    draw = random.Random(seed)  # noqa: S311
    numbers = draw.sample(range(100, 1000), number)
    found = []
    for index, name in enumerate(numbers):
        colour = ("red", "green")[index % 2]
        other = WORDS["green" if colour == "red" else "red"]
        found.append((f"{colour} {name}", WORDS[colour], other))
    return found
