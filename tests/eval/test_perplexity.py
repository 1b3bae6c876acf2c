"""Perplexity by hand-worked numbers, and against lm-eval on a model of random weights."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.config import load_settings
from assistant.likelihood import open_likelihood
from eval.perplexity import LogitsLikelihood, Text, Window, measure, perplexities, windows
from eval.wikitext import detokenise, read_wikitext
from graphs.errors import ModelError, UsageError
from tests.assistant.tiny_models import tiny_folder

METRICS = ("word_perplexity", "byte_perplexity", "bits_per_byte")
PAGES = (
    " = The Tower = \n \n The tower ( built in 1889 ) is 324 @.@ 5 metres tall , and has 1 @,@ 665 steps . \n",
    ' = Rivers = \n \n A river \'s bed is its floor ; " bank " is its side . The @-@ sea is far . ' * 30,
)


def uniform(vocabulary: int, window: int) -> LogitsLikelihood:
    """A model that finds every token equally likely; a token is a letter."""
    return LogitsLikelihood(
        "uniform",
        lambda ids: np.zeros((*ids.shape, vocabulary), dtype=np.float32),
        lambda text: [ord(letter) % vocabulary for letter in text],
        window=window,
        prefix=0,
    )


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    found = perplexities(measure(uniform(50, 4), [Text.of("a", "one two"), Text.of("b", "three")]))
    assert found["token_perplexity"].value == pytest.approx(50)
    assert found["word_perplexity"].value == pytest.approx(50 ** (12 / 3))
    assert found["bits_per_byte"].value == pytest.approx(math.log2(50))


def test_a_single_text_has_no_interval() -> None:
    found = perplexities(measure(uniform(7, 4), [Text.of("a", "alone")]))
    assert found["word_perplexity"].low is None


def test_windows_predict_every_token_once_with_as_much_context_as_fits() -> None:
    cut = list(windows(range(1, 11), prefix=0, window=4, stride=4))
    assert cut == [
        Window((0,), (1, 2, 3, 4)),
        Window((4,), (5, 6, 7, 8)),
        Window((6, 7, 8), (9, 10)),
    ]


def test_a_shorter_stride_gives_more_context() -> None:
    cut = list(windows(range(1, 9), prefix=0, window=4, stride=2))
    assert cut == [Window((0,), (1, 2, 3, 4)), Window((2, 3, 4), (5, 6)), Window((4, 5, 6), (7, 8))]


@pytest.mark.parametrize("stride", [0, 5])
def test_a_stride_that_does_not_fit_is_refused(stride: int) -> None:
    with pytest.raises(UsageError, match="from 1 to 4"):
        list(windows([1, 2], prefix=0, window=4, stride=stride))


def test_texts_without_a_token_are_refused() -> None:
    with pytest.raises(UsageError, match="every text given is empty"):
        measure(uniform(5, 4), [Text.of("a", "")])


def test_what_a_model_finds_likely_has_a_low_perplexity() -> None:
    def sure(ids: Any) -> Any:
        logits = np.zeros((*ids.shape, 10), dtype=np.float32)
        logits[..., 3] = 50.0
        return logits

    model = LogitsLikelihood("sure", sure, lambda text: [int(digit) for digit in text], window=8, prefix=0)
    right, wrong = (measure(model, [Text.of("t", text)])[0].nats for text in ("3333", "3334"))
    assert right == pytest.approx(0.0, abs=1e-6)
    assert wrong == pytest.approx(-50.0, abs=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def harness(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What lm-eval's own evaluator and its own WikiText code give for the tiny model on the two pages."""
    import lm_eval
    import yaml
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    place = tmp_path_factory.mktemp("task")
    (place / "pages.jsonl").write_text("".join(json.dumps({"page": page}) + "\n" for page in PAGES), encoding="utf-8")
    original = Path(lm_eval.__file__).parent / "tasks" / "wikitext"
    (place / "preprocess_wikitext.py").write_text(
        (original / "preprocess_wikitext.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    local = {
        "task": "wikitext_here",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(place / "pages.jsonl")}},
        "test_split": "test",
        "should_decontaminate": False,
    }
    text = (original / "wikitext.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if line.split(":")[0] not in {*local, "dataset_name", "training_split"}]
    kept = [line for line in kept if not line.startswith(("validation_split", "doc_to_decontamination"))]
    (place / "here.yaml").write_text("\n".join(kept) + "\n" + yaml.safe_dump(local), encoding="utf-8")
    model = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=2, max_length=64)
    manager = TaskManager(include_path=str(place), include_defaults=False)
    found = lm_eval.simple_evaluate(model=model, tasks=["wikitext_here"], task_manager=manager, bootstrap_iters=0)
    return {name: float(found["results"]["wikitext_here"][f"{name},none"]) for name in METRICS}


@pytest.fixture(scope="module")
def ours(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    rows = tmp_path_factory.mktemp("pages") / "pages.jsonl"
    rows.write_text("".join(json.dumps({"text": page}) + "\n" for page in PAGES), encoding="utf-8")
    model = open_likelihood(f"hf:{folder}", load_settings(), window=64, batch=3)
    found = perplexities(measure(model, read_wikitext(rows)))
    return {name: figure.value for name, figure in found.items()}


@pytest.mark.parametrize("metric", METRICS)
def test_lm_eval_gives_the_same_within_a_thousandth(
    metric: str, harness: dict[str, float], ours: dict[str, float]
) -> None:
    assert ours[metric] == pytest.approx(harness[metric], rel=1e-3)


def test_wikitext_is_detokenised_as_lm_eval_does() -> None:
    from lm_eval.tasks.wikitext.preprocess_wikitext import wikitext_detokenizer

    for page in PAGES:
        assert detokenise(page) == wikitext_detokenizer({"page": page})


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> tuple[Path, Any]:
    """A folder with ONNX and OpenVINO files of a model that looks at the last token alone, and its table."""
    import onnx
    import openvino as ov
    from onnx import TensorProto, helper, numpy_helper

    place = tmp_path_factory.mktemp("exported")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (place / name).write_text((folder / name).read_text(encoding="utf-8"), encoding="utf-8")
    table = np.random.default_rng(0).normal(size=(260, 260)).astype(np.float32)
    given = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])
    given_mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "length"])
    made = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "length", 260])
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["logits"])]
    graph = helper.make_graph(nodes, "bigrams", [given, given_mask], [made], [numpy_helper.from_array(table, "table")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(place / "model.onnx"))
    ov.save_model(ov.convert_model(place / "model.onnx"), place / "openvino_model.xml", compress_to_fp16=False)
    return place, table


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_an_exported_model_is_measured_by_its_logits(exported: tuple[Path, Any], engine: str) -> None:
    place, table = exported
    model = open_likelihood(f"hf:{place}", load_settings(), window=8, engine=engine)
    ids = model.encode("A tower by a river.")
    logs = table - np.log(np.exp(table).sum(axis=-1, keepdims=True))
    by_hand = sum(logs[before, after] for before, after in zip([model.prefix, *ids], ids, strict=False))
    assert measure(model, [Text.of("a", "A tower by a river.")])[0].nats == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_an_adapter_changes_the_likelihood_of_its_base(folder: Path, tmp_path: Path) -> None:
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    base: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    adapted: Any = peft.get_peft_model(base, peft.LoraConfig(r=2, lora_alpha=64, target_modules=["v_proj"]))
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.ones_(value)
    adapted.peft_config["default"].base_model_name_or_path = str(folder)
    adapted.save_pretrained(tmp_path / "adapter")
    text = [Text.of("a", "A tower and a river.")]
    plain, changed = (
        measure(open_likelihood(f"hf:{place}", load_settings()), text)[0].nats
        for place in (folder, tmp_path / "adapter")
    )
    assert changed != pytest.approx(plain, rel=1e-3)


def test_a_model_elsewhere_has_no_likelihood() -> None:
    with pytest.raises(UsageError, match="does not run here"):
        open_likelihood("openai:gpt-5", load_settings())


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no files"):
        open_likelihood(f"hf:{tmp_path}", load_settings())


def test_the_command_measures_files_and_says_how(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from assistant.cli.main import run

    (tmp_path / "one.md").write_text("A tower stands by the river.", encoding="utf-8")
    (tmp_path / "two.jsonl").write_text('{"text": "The river is long."}\n', encoding="utf-8")
    assert run(["eval", "perplexity", f"hf:{folder}", str(tmp_path), "--window", "16", "--stride", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["texts"], found["window"], found["stride"]) == (2, 16, 8)
    assert found["metrics"]["token_perplexity"]["value"] > 1


def test_a_missing_text_is_said_before_a_model_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    from assistant.cli.main import run

    assert run(["eval", "perplexity", "local:no-such-model", f"nowhere{os.sep}text.txt"]) == 2
    assert "cannot be read" in capsys.readouterr().err
