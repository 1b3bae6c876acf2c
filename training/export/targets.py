"""One model in one engine, as the proof sees it: ids of a text, prompt of a conversation, logits of ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Logits = Callable[[list[int]], NDArray[np.float32]]
"""Ids → logits of shape (length, vocabulary)."""
Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Target:
    """A model as an engine has it."""

    name: str
    encode: Callable[[str], list[int]]
    """Token ids without anything put before or behind."""
    first: tuple[int, ...]
    """What the engine puts before a text by itself."""
    ends: frozenset[int]
    """Ids that end an answer."""
    render: Callable[[Messages], str]
    """The prompt of a conversation by the model's template; empty where it has none."""
    decode: Callable[[list[int]], str]
    logits: Logits
    tensors: Callable[[], dict[str, NDArray[np.float32]]] | None = None
    """Weights by their names in GGUF, where they can be read back."""


@dataclass(frozen=True, kw_only=True)
class Reference(Target):
    """A model that others are held against: it also writes."""

    write: Callable[[list[int], int], list[int]]
    """Prompt and most tokens → what it writes greedily, the token that ends it too."""


def torch_target(model: Any, tokenizer: Any, name: str = "transformers") -> Reference:
    """Model and tokenizer of transformers."""
    import torch

    from training.export.gguf_format import gguf_tensors

    model.eval()

    def logits(ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        return np.asarray(out.float().cpu().numpy())

    def write(ids: list[int], most: int) -> list[int]:
        written: list[int] = []
        fed, past = ids, None
        with torch.inference_mode():
            while len(written) < most and not (written and written[-1] in side["ends"]):
                out = model(input_ids=torch.tensor([fed]), past_key_values=past, use_cache=True)
                written.append(int(out.logits[0, -1].argmax()))
                fed, past = written[-1:], out.past_key_values
        return written

    side = _text_side(tokenizer)
    readable = (lambda: gguf_tensors(model)) if model.config.model_type == "llama" else None
    return Reference(name, **side, logits=logits, tensors=readable, write=write)


def folder_target(folder: Path, name: str = "merged") -> Target:
    """A Hugging Face folder, read anew."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return torch_target(model, AutoTokenizer.from_pretrained(folder), name)


def gguf_target(path: Path) -> Target:
    """A GGUF file: tokenizer, template and special tokens from its own fields, weights through transformers' reader."""
    import torch
    from transformers import AutoModelForCausalLM

    from training.export.gguf_format import read_fields, read_tensors

    model: Any = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    read = read_fields(path)
    plain = torch_target(model, _gguf_tokenizer(read), "gguf")
    first = read("tokenizer.ggml.bos_token_id", None) if read("tokenizer.ggml.add_bos_token", False) else None
    return Target(
        "gguf",
        encode=plain.encode,
        first=() if first is None else (int(first),),
        ends=plain.ends,
        render=plain.render,
        decode=plain.decode,
        logits=plain.logits,
        tensors=lambda: read_tensors(path),
    )


def _gguf_tokenizer(read: Callable[[str, Any], Any]) -> Any:
    """The byte-level BPE of a GGUF file's fields; transformers' own converter parts digits wrongly."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = read("tokenizer.ggml.tokens", [])
    kinds = read("tokenizer.ggml.token_type", [])
    merges = [tuple(merge.split(" ", 1)) for merge in read("tokenizer.ggml.merges", [])]
    backend = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = [pre_tokenizers.Digits(individual_digits=True)] if read("tokenizer.ggml.pre", "") == "smollm" else []
    backend.pre_tokenizer = pre_tokenizers.Sequence([*digits, byte_level])
    backend.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind in (3, 4)]
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    numbers = {name: read(f"tokenizer.ggml.{name}_token_id", None) for name in ("bos", "eos")}
    named = {f"{name}_token": tokens[number] for name, number in numbers.items() if number is not None}
    build: Any = PreTrainedTokenizerFast
    tokenizer = build(tokenizer_object=backend, **named)
    tokenizer.chat_template = read("tokenizer.chat_template", None)
    return tokenizer


def graph_target(logits: Logits, tokenizer: Any, name: str) -> Target:
    """An engine that runs a graph only; the tokenizer lies beside it."""
    return Target(name, **_text_side(tokenizer), logits=logits)


def _text_side(tokenizer: Any) -> dict[str, Any]:
    from training.export.gguf_format import adds_first

    named = {"<|im_end|>", "<|endoftext|>"} & set(tokenizer.get_vocab())
    ends = {tokenizer.eos_token_id, *(tokenizer.convert_tokens_to_ids(name) for name in named)} - {None}

    def render(messages: Messages) -> str:
        if not tokenizer.chat_template:
            return ""
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    return {
        "encode": lambda text: list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]),
        "first": (int(tokenizer.bos_token_id),) if adds_first(tokenizer) else (),
        "ends": frozenset(ends),
        "render": render,
        "decode": lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)),
    }
