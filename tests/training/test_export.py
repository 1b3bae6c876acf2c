"""Exports of a tiny model answer alike in every format, and each planted fault is named for what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.cli.main import run
from graphs.errors import TrainingError, UsageError
from training.export import gguf_format
from training.export.export import FORMATS, export
from training.export.parity import Bars
from training.tokenizer.recipe import TokenizerRecipe
from training.tokenizer.stage import _trainer, _untrained, _wrapped

DOCS = Path(__file__).parents[2] / "docs" / "guide" / "faq.md"
TEXTS = (
    "The cat of the house sees a dog by the river in 1984.",
    "A river, a tree and a house; nothing else was there.",
    *[part for part in DOCS.read_text(encoding="utf-8").split("\n\n") if len(part) > 200][:5],
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaMA of two layers with shared key heads and tied embeddings; its tokenizer puts its first token in front."""
    import torch
    from tokenizers import processors
    from transformers import LlamaConfig, LlamaForCausalLM

    recipe = TokenizerRecipe(name="t", data=["x"], vocabulary=600, min_frequency=1)
    backend = _untrained(recipe)
    backend.train_from_iterator([DOCS.read_text(encoding="utf-8"), *TEXTS], trainer=_trainer(recipe))
    first = ("<|endoftext|>", backend.token_to_id("<|endoftext|>"))
    backend.post_processor = processors.TemplateProcessing(single=f"{first[0]} $A", special_tokens=[first])
    tokenizer = _wrapped(recipe, backend)
    torch.manual_seed(3)
    shape: Any = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "max_position_embeddings": 512}
    ids: Any = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    heads: Any = {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), initializer_range=0.2, **shape, **heads, **ids))
    folder = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


CASES = [
    ("merged", ""),
    ("gguf", "f32"),
    ("gguf", "f16"),
    ("gguf", "q8_0"),
    ("onnx", ""),
    ("openvino", ""),
    ("openvino", "int8"),
    ("torchscript", ""),
]


@pytest.mark.parametrize(("format_", "quantise"), CASES)
def test_an_export_answers_alike(format_: str, quantise: str, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported = export(tiny, out, format_, quantise, texts=TEXTS, questions=3)
    parity = exported.parity
    assert parity.passed
    assert parity.tokens > 400
    if quantise in {"", "f32"}:
        assert (parity.argmax_agreement, parity.same_answers) == (1.0, 1.0)
        assert parity.max_abs_diff < 0.01
    stored = json.loads((out / "parity.json").read_text(encoding="utf-8"))
    assert stored["passed"] is True
    assert set(exported.files) == {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def _no_permutation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_format, "interleave", lambda values, heads: values)


def _swapped_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = gguf_format.gguf_tensors

    def swapped(model: Any) -> gguf_format.Tensors:
        found = tensors(model)
        return {**found, "output.weight": np.ascontiguousarray(found["token_embd.weight"][::-1])}

    # only the writer is wrong: the comparison reads the model itself
    monkeypatch.setattr(gguf_format, "gguf_tensors", swapped)


def _no_first_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gguf.GGUFWriter.add_add_bos_token", lambda *_: None)


def _wrong_template(monkeypatch: pytest.MonkeyPatch) -> None:
    import gguf

    write = gguf.GGUFWriter.add_chat_template
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    monkeypatch.setattr(gguf.GGUFWriter, "add_chat_template", lambda self, _: write(self, template))


def _lost_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    import gguf

    write = gguf.GGUFWriter.add_token_merges
    monkeypatch.setattr(gguf.GGUFWriter, "add_token_merges", lambda self, merges: write(self, merges[40:]))


FAULTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "a wrong template": (_wrong_template, "template: a conversation"),
    "a missing first token": (_no_first_token, r"special tokens: \[\] is put before"),
    "a wrong rotary permutation": (_no_permutation, "weights: .*rotary permutation: only q and k differ"),
    "swapped tied embeddings": (_swapped_embeddings, r"weights: .*embeddings: output\.weight differ"),
    "lost merges": (_lost_merges, "tokenizer: .* gives other tokens"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_stops_the_release_and_is_named(
    fault: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, said = FAULTS[fault]
    reference_tensors = gguf_format.gguf_tensors
    plant(monkeypatch)
    from training.export import export as module
    from training.export.targets import torch_target

    def honest(model: Any, tokenizer: Any) -> Any:
        from dataclasses import replace

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gguf_format, "interleave", _interleave)
            right = reference_tensors(model)
        return replace(torch_target(model, tokenizer), tensors=lambda: right)

    monkeypatch.setattr(module, "torch_target", honest)
    with pytest.raises(TrainingError, match=said):
        export(tiny, tmp_path / "out", "gguf", "f32", texts=TEXTS, questions=2)
    assert not (tmp_path / "out").exists()
    report = json.loads((tmp_path / "out.failed" / "parity.json").read_text(encoding="utf-8"))
    assert report["passed"] is False
    assert len(report["differs"]) == 1


_interleave = gguf_format.interleave


@pytest.fixture
def adapter(tiny: Path, tmp_path: Path) -> Path:
    """A LoRA that says something else than its base."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny)
    adapted: Any = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("format_", ["merged", "gguf"])
def test_an_export_answers_as_the_adapter_did_unmerged(format_: str, adapter: Path, tiny: Path, tmp_path: Path) -> None:
    assert export(adapter, tmp_path / "out", format_, base=tiny, texts=TEXTS, questions=2).parity.passed


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_merge_that_loses_the_adapter_is_found(
    adapter: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import LoraModel

    monkeypatch.setattr(LoraModel, "merge_and_unload", LoraModel.unload)
    with pytest.raises(TrainingError, match="weights: argmax_agreement"):
        export(adapter, tmp_path / "out", "merged", base=tiny, texts=TEXTS, questions=2)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_of_virtual_tokens_cannot_be_merged(tiny: Path, tmp_path: Path) -> None:
    from peft import PromptTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny), config).save_pretrained(tmp_path / "prompt")
    with pytest.raises(UsageError, match="PROMPT_TUNING cannot be merged"):
        export(tmp_path / "prompt", tmp_path / "out", "merged", base=tiny)


@pytest.mark.parametrize(
    ("format_", "quantise", "said"),
    [("tflite", "", "'tflite'"), ("torchscript", "int8", "'int8'"), ("gguf", "q2", "'q2'.*q8_0")],
)
def test_what_cannot_be_is_refused(format_: str, quantise: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        export(tmp_path, tmp_path / "out", format_, quantise)


def test_an_architecture_gguf_is_not_written_for_is_refused(tmp_path: Path, tiny: Path) -> None:
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    model: Any = GPT2LMHeadModel(GPT2Config(vocab_size=600, n_embd=32, n_layer=1, n_head=2, n_positions=64))
    with pytest.raises(UsageError, match="not 'gpt2'"):
        gguf_format.write_gguf(model, AutoTokenizer.from_pretrained(tiny), tmp_path / "m.gguf")


def test_embeddings_keep_eight_bits_where_the_rest_has_four(tiny: Path, tmp_path: Path) -> None:
    import gguf
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(tiny)
    gguf_format.write_gguf(model, AutoTokenizer.from_pretrained(tiny), tmp_path / "m.gguf", "q4_0")
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    assert (kinds["token_embd.weight"], kinds["blk.0.attn_q.weight"]) == ("Q8_0", "Q4_0")


def test_what_loses_most_by_few_bits_keeps_eight(tiny: Path, tmp_path: Path) -> None:
    import gguf
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(tiny)
    model.model.layers[0].mlp.up_proj.weight.data[:, ::32] *= 15  # one weight of each block drowns the others
    gguf_format.write_gguf(model, AutoTokenizer.from_pretrained(tiny), tmp_path / "m.gguf", "q4_0", 0.9)
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    assert kinds["blk.0.ffn_up.weight"] == "Q8_0"
    assert "Q4_0" in kinds.values()
    sizes = {"a": 60, "b": 30, "c": 10}
    assert gguf_format.most_lost({"a": 0.1, "b": 0.3, "c": 0.2}, sizes, 0.65) == {"b", "c"}
    assert gguf_format.most_lost({"a": 0.1, "b": 0.3, "c": 0.2}, sizes, 1.0) == set()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("format_", "quantise"), [("gguf", "q4_0"), ("onnx", "int4"), ("openvino", "int4")])
def test_as_many_weights_get_few_bits_as_parity_allows(
    format_: str, quantise: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.export import export as exporting

    opened = exporting.open_source(tiny)

    def released(name: str, bars: Bars) -> Any:
        monkeypatch.setattr(exporting, "FOUR", bars)
        return exporting.release(opened, tmp_path / name, format_, quantise, texts=TEXTS, questions=1).parity

    lax = Bars(argmax_agreement=0.0, max_abs_diff=1e9, kl=1e9, perplexity_ratio=1e9, same_answers=0.0)
    whole = released("whole", lax)
    part = released("part", replace(lax, kl=0.9 * whole.kl))
    assert (whole.few_bits, part.few_bits < 1, part.kl < whole.kl) == (1.0, True, True)
    if format_ != "gguf":  # the others write slowly, and the loop is the same
        return
    with pytest.raises(TrainingError, match="weights: kl"):
        released("never", replace(lax, kl=-1.0))
    assert json.loads((tmp_path / "never.failed" / "parity.json").read_text())["few_bits"] == 0.25


def test_the_command_prints_files_and_parity(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--format", "gguf", "--out", str(tmp_path / "out"), "--questions", "1", "--json"]
    assert run(["export", str(tiny), *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["quantize"]) == ("gguf", "f16")
    assert "model.F16.gguf" in found["files"]
    assert found["parity"].keys() >= {"argmax_agreement", "max_abs_diff", "perplexity_ratio", "passed"}


def test_every_format_is_written_by_a_case() -> None:
    assert {format_ for format_, _ in CASES} == set(FORMATS)
