"""Models small enough to make in a test: random weights, a tokenizer of single bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from assistant.engines.codec import Codec, CodecFacts

SPECIAL = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_tokenizer() -> Tokenizer:
    """One token a byte, and the special tokens behind them."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def byte_codec(context: int = 512, template: str = TEMPLATE) -> Codec:
    """The codec of the byte tokenizer."""
    tokenizer = byte_tokenizer()
    facts = CodecFacts(template=template, special=SPECIAL, ends=(tokenizer.token_to_id(SPECIAL[0]),), context=context)
    return Codec(tokenizer, facts)


def tiny_folder(folder: Path, family: str = "llama", context: int = 512) -> Path:
    """A Hugging Face folder with a randomly initialised model of that family: llama or falcon."""
    import torch
    from transformers import FalconConfig, FalconForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=byte_tokenizer(), eos_token=SPECIAL[0])
    common = {"vocab_size": 260, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": None, "pad_token_id": None}
    if family == "llama":
        config = LlamaConfig(
            **common, **ends, intermediate_size=64, num_key_value_heads=2, max_position_embeddings=context
        )
        model: Any = LlamaForCausalLM(config)
    else:
        model = FalconForCausalLM(FalconConfig(**common, **ends, new_decoder_architecture=False, alibi=False))
    model.save_pretrained(folder)
    if family == "llama":
        tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder
