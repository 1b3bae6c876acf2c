"""A model of a recipe's architecture and size, with random weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from training.pretrain.recipe import PretrainRecipe
from training.probe import refuse_new, refuse_weights


def new_model(recipe: PretrainRecipe, tokenizer: Any, base: Path | None, vocabulary: int = 0) -> Any:
    """The model to train: random, or the one to go on from. Parameters in fp32.

    `vocabulary` is the width of its output; 0 takes the tokenizer's. Raises `ModelError` where it cannot fit.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    kinds = {"bert": AutoModelForMaskedLM, "t5": AutoModelForSeq2SeqLM}
    kind: Any = kinds.get(recipe.architecture, AutoModelForCausalLM)
    if base:
        refuse_weights(base, whole=True, adapters=False)
        return kind.from_pretrained(base, dtype=torch.float32)
    refuse_new(parameters_of(recipe, len(tokenizer)))
    torch.manual_seed(recipe.seed)
    return kind.from_config(_config(recipe, tokenizer, vocabulary))


def parameters_of(recipe: PretrainRecipe, vocabulary: int) -> int:
    """About how many numbers a model of this recipe has, before it is built."""
    block = {"gpt": 12, "bert": 12, "llama": 4 + 3 * 8 / 3, "t5": 18}[recipe.architecture]
    sides = 2 if recipe.architecture == "t5" else 1
    embeddings = vocabulary * recipe.hidden * (1 if recipe.tie_embeddings else 2)
    return int(embeddings + sides * recipe.layers * block * recipe.hidden**2)


def _config(recipe: PretrainRecipe, tokenizer: Any, vocabulary: int) -> Any:
    from transformers import BertConfig, GPT2Config, LlamaConfig, T5Config

    size = recipe.hidden
    vocabulary = vocabulary or 8 * math.ceil(len(tokenizer) / 8)  # a multiple of 8 is faster
    ends: dict[str, Any] = {name: getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    if recipe.architecture == "gpt":
        drop: Any = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), recipe.dropout)
        shape: Any = {"n_embd": size, "n_layer": recipe.layers, "n_head": recipe.heads, "n_positions": recipe.context}
        return GPT2Config(
            vocab_size=vocabulary, **shape, **drop, **_ids(ends), tie_word_embeddings=recipe.tie_embeddings
        )
    if recipe.architecture == "t5":
        shape = {"num_layers": recipe.layers, "num_heads": recipe.heads, "d_kv": size // recipe.heads, "d_ff": 4 * size}
        start: Any = {"decoder_start_token_id": ends["pad"], "dropout_rate": recipe.dropout}
        return T5Config(vocab_size=vocabulary, d_model=size, **shape, **start, **_ids(ends))
    shape = {"hidden_size": size, "num_hidden_layers": recipe.layers, "num_attention_heads": recipe.heads}
    shape["max_position_embeddings"] = recipe.context
    if recipe.architecture == "bert":
        drop = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), recipe.dropout)
        return BertConfig(vocab_size=vocabulary, intermediate_size=4 * size, **shape, **drop, pad_token_id=ends["pad"])
    return LlamaConfig(
        vocab_size=vocabulary,
        intermediate_size=8 * math.ceil(size / 3),
        num_key_value_heads=recipe.kv_heads or recipe.heads,
        attention_dropout=recipe.dropout,
        tie_word_embeddings=recipe.tie_embeddings,
        **shape,
        **_ids(ends),
    )


def _ids(ends: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_token_id": number for name, number in ends.items()}
