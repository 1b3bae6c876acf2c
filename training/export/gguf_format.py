"""GGUF: written for models of the LLaMA architecture, and read back for the proof."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import UsageError

QUANTISED = ("f32", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1")
_SPLITTERS = {True: "smollm", False: "gpt-2"}
"""Whether the tokenizer parts digits → llama.cpp's name for its way of parting words."""
_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_EMBEDDINGS = {"token_embd.weight", "output.weight"}
"""What turns tokens into vectors and back keeps eight bits where the rest has fewer, as llama.cpp keeps more for it."""
FEW_BITS = ("q4_0", "q4_1", "q5_0", "q5_1")
Tensors = dict[str, NDArray[np.float32]]


def write_gguf(model: Any, tokenizer: Any, path: Path, quantise: str = "f16", share: float = 1.0) -> None:
    """Write model and tokenizer; of the weights in four or five bits only `share`, those that lose least by it.

    Raises `UsageError` for an architecture or tokenizer it is not made for.
    """
    import gguf

    config = model.config
    if config.model_type != "llama":
        cure = "Export it as onnx, openvino or torchscript."
        raise UsageError(f"GGUF is written for the LLaMA architecture, not {config.model_type!r}.", cure)
    writer = gguf.GGUFWriter(path, "llama")
    _head(writer, config, quantise)
    _tokenizer(writer, tokenizer, config.vocab_size)
    tensors = gguf_tensors(model)
    kept = _EMBEDDINGS | _dearest(tensors, quantise, share)
    for name, values in tensors.items():
        kind = _kind(gguf, values, "q8_0" if name in kept and quantise in FEW_BITS else quantise)
        data = values if kind is None else gguf.quantize(values, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_tensors(model: Any) -> Tensors:
    """A model's weights in fp32 by their names in GGUF, q and k with their halves interleaved; tied ones once."""
    config = model.config
    found: Tensors = {}
    for name, parameter in model.state_dict().items():
        if name.endswith("rotary_emb.inv_freq") or (config.tie_word_embeddings and name == "lm_head.weight"):
            continue
        values = parameter.float().cpu().numpy()
        made = _name(name)
        heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
        part = made.split(".")[-2]
        found[made] = interleave(values, heads[part]) if part in heads else values
    return found


def interleave(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of q or k from transformers' order (first halves, then second) to llama.cpp's pairs."""
    shape = values.shape
    return values.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def _name(name: str) -> str:
    stem, _, kind = name.rpartition(".")
    if stem in _OUTER:
        return f"{_OUTER[stem]}.{kind}"
    _, _, number, part = stem.split(".", 3)
    return f"blk.{number}.{_LAYER[part]}.{kind}"


def _dearest(tensors: Tensors, quantise: str, share: float) -> set[str]:
    """The matrices that lose most by few bits, as many as leave `share` of the numbers to them."""
    import gguf

    if share >= 1 or quantise not in FEW_BITS:
        return set()
    kind = gguf.GGMLQuantizationType[quantise.upper()]
    sizes = {name: values.size for name, values in tensors.items() if _fits(gguf, kind, values, name)}
    lost = {name: relative_error(tensors[name], _there_and_back(gguf, kind, tensors[name])) for name in sizes}
    return most_lost(lost, sizes, share)


def most_lost(lost: Mapping[str, float], sizes: Mapping[str, int], share: float) -> set[str]:
    """Names by what is lost, most first, until at most `share` of the numbers are left."""
    named: set[str] = set()
    left, most = sum(sizes.values()), share * sum(sizes.values())
    for name in sorted(lost, key=lambda one: (-lost[one], one)):
        if left <= most:
            break
        named.add(name)
        left -= sizes[name]
    return named


def relative_error(values: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Squared error as a share of the squared values."""
    return float(((values - found) ** 2).sum() / max(1e-12, float((values**2).sum())))


def _fits(gguf: Any, kind: Any, values: NDArray[np.float32], name: str) -> bool:
    return name not in _EMBEDDINGS and values.ndim > 1 and values.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0


def _there_and_back(gguf: Any, kind: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(gguf.dequantize(gguf.quantize(values, kind), kind))


def _kind(gguf: Any, values: NDArray[np.float32], quantise: str) -> Any:
    """The type of a tensor; vectors stay fp32, as llama.cpp has it, and rows that do not fill blocks fp16."""
    if values.ndim < 2 or quantise == "f32":
        return None
    kind = gguf.GGMLQuantizationType[quantise.upper()]
    block = gguf.GGML_QUANT_SIZES[kind][0]
    return kind if values.shape[-1] % block == 0 else gguf.GGMLQuantizationType.F16


def _head(writer: Any, config: Any, quantise: str) -> None:
    import gguf

    writer.add_name(getattr(config, "name_or_path", "") or "crossroads")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(float((getattr(config, "rope_parameters", None) or {}).get("rope_theta", 10000.0)))
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type({"f32": 0, "f16": 1}.get(quantise, gguf.LlamaFileType.MOSTLY_Q8_0))


def _tokenizer(writer: Any, tokenizer: Any, size: int) -> None:
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    if backend["model"]["type"] != "BPE" or not backend["model"]["merges"]:
        kind = backend["model"]["type"]
        raise UsageError(f"GGUF is written for byte-level BPE, not {kind}.", "Export it as onnx or openvino.")
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    by_id = {number: token for token, number in vocabulary.items()}
    special = {int(number) for number in tokenizer.added_tokens_decoder}
    tokens = [by_id.get(number, f"<unused{number}>") for number in range(max(size, max(by_id) + 1))]
    kinds = [3 if number in special else 1 if number in by_id else 5 for number in range(len(tokens))]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in backend["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_SPLITTERS["Digits" in json.dumps(backend["pre_tokenizer"])])
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    for name, add in (
        ("bos", writer.add_bos_token_id),
        ("eos", writer.add_eos_token_id),
        ("pad", writer.add_pad_token_id),
    ):
        if getattr(tokenizer, f"{name}_token_id") is not None:
            add(getattr(tokenizer, f"{name}_token_id"))
    writer.add_add_bos_token(adds_first(tokenizer))
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def adds_first(tokenizer: Any) -> bool:
    """Whether a tokenizer puts its first token before every text."""
    ids = tokenizer("a")["input_ids"]
    return tokenizer.bos_token_id is not None and bool(ids) and ids[0] == tokenizer.bos_token_id


def read_tensors(path: Path) -> Tensors:
    """Every tensor of a GGUF file, in fp32."""
    import gguf

    return {
        tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        for tensor in gguf.GGUFReader(path).tensors
    }


def read_fields(path: Path) -> Callable[[str, Any], Any]:
    """A function of a key and a default that gives a field of a GGUF file."""
    import gguf

    fields = gguf.GGUFReader(path).fields
    return lambda key, default: fields[key].contents() if key in fields else default
