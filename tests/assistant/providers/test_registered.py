"""Registered models by name: served at once, adapters too, and switched while one of them answers."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from assistant.config import Settings, load_settings
from assistant.models.folders import base_folder, model_folder
from assistant.providers import chat_model
from assistant.resources import Resources
from graphs.errors import ModelError, NotFoundError, UsageError
from tests.assistant.tiny_models import tiny_folder
from training.registry import ModelVersion, Registry

OVERRIDE = "a test"
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT's own


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def other(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with other words in its head, so that it answers otherwise."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("other")
    model: Any = AutoModelForCausalLM.from_pretrained(tiny)
    with torch.no_grad():
        model.lm_head.weight.copy_(model.lm_head.weight.flip(0))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(1)
    whole: Any = AutoModelForCausalLM.from_pretrained(tiny)
    model: Any = get_peft_model(whole, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings({"models.chat": "local:house", "answering.answer_tokens": 16})


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return Registry(settings.home / "models")


def a_version(kind: Any = "chat", **changes: Any) -> ModelVersion:
    return ModelVersion(name="house", version="", kind=kind, **changes)


def test_another_version_goes_live_without_a_restart_and_running_answers_end_as_they_began(
    settings: Settings, registry: Registry, tiny: Path, other: Path
) -> None:
    for folder in (tiny, other):
        registry.add(folder, a_version())
    whole = {number: chat_model(f"local:house@{number}", settings).invoke("Hello").text for number in "12"}
    assert whole["1"] != whole["2"]
    gc.collect()
    before = set(threading.enumerate())
    resources = Resources(settings)
    registry.promote("house", "1", OVERRIDE)
    running = resources.chat("local:house").get().stream("Hello")
    said = next(running).text
    registry.promote("house", "2", OVERRIDE)
    assert resources.chat("local:house").get().invoke("Hello").text == whole["2"]
    assert said + "".join(chunk.text for chunk in running) == whole["1"]
    del running
    gc.collect()
    for _ in range(100):
        if len(set(threading.enumerate()) - before) <= 1:
            break
        threading.Event().wait(0.05)
    assert len(set(threading.enumerate()) - before) <= 1, "the old version's engine was not closed"
    registry.rollback("house")
    assert resources.chat("local:house").get().invoke("Hello").text == whole["1"]


def test_an_adapter_answers_as_merged_into_its_base(
    settings: Settings, registry: Registry, tiny: Path, adapter: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    registry.add(adapter, a_version("adapter", base=f"hf:{tiny}"))
    answer = chat_model("local:house@1", settings).invoke("Hello").text
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny)
    whole: Any = AutoModelForCausalLM.from_pretrained(tiny)
    prompt = tokenizer("<|user|>Hello<|end|><|assistant|>", return_tensors="pt")
    ids = PeftModel.from_pretrained(whole, adapter).generate(**prompt, max_new_tokens=16, do_sample=False)
    assert answer == tokenizer.decode(ids[0][prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    assert base_folder("local:house@1", settings).name.startswith("merged-")


def test_an_adapter_on_a_base_without_weights_here_is_refused(
    settings: Settings, registry: Registry, adapter: Path
) -> None:
    registry.add(adapter, a_version("adapter", base="fake:echo"))
    with pytest.raises(UsageError, match="fake:echo"):
        chat_model("local:house@1", settings).invoke("Hello")


def test_what_cannot_chat_and_what_is_not_live_says_what_to_do(settings: Settings, registry: Registry) -> None:
    source = settings.home / "trained"
    source.mkdir(parents=True)
    (source / "model.json").write_text("{}")
    registry.add(source, a_version("reward"))
    with pytest.raises(NotFoundError, match="models promote house"):
        chat_model("local:house", settings)
    with pytest.raises(ModelError, match="cannot chat"):
        chat_model("local:house@1", settings)
    with pytest.raises(NotFoundError, match="not known"):
        chat_model("local:nonesuch", settings)


def test_training_on_an_adapter_begins_with_the_merged_weights(
    settings: Settings, registry: Registry, tiny: Path, adapter: Path
) -> None:
    from safetensors.torch import load_file

    registry.add(adapter, a_version("adapter", base=f"hf:{tiny}"))
    assert (model_folder("local:house@1", settings) / "adapter_config.json").is_file()
    assert base_folder(str(tiny), settings) == tiny
    before = load_file(tiny / "model.safetensors")
    after = load_file(base_folder("local:house@1", settings) / "model.safetensors")
    changed = [name for name in before if name in after and not before[name].equal(after[name].to(before[name].dtype))]
    assert any("proj" in name for name in changed)
