"""The default model on the default engine: its tokenizer, its weights, its manners."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from assistant.config import Settings, load_settings
from assistant.engines.chat import LocalChatModel
from assistant.engines.loading import engine_folder, open_gguf, prepare
from assistant.models import show
from assistant.models.catalogue import CHAT
from assistant.providers import chat_model

pytestmark = pytest.mark.models

TEXTS = (
    "In 2024 it cost 1,234.50 €, not 99999999.",
    "naïve café, 東京, 🦜🔗, tabs\tand\n\n  spaces   ",
    "def f(x): return x**2 + 10  # it's 3.14159, isn't it?",
    "<p>A&nbsp;B</p> https://example.org/a?b=1#c-2",
    "12/11/2026 v1.38.11 0x7f 10:30",
)
QUESTIONS = ("What is the capital of France?", "Write one sentence about the sea.", "Name three colours.")


@pytest.fixture(scope="module")
def settings() -> Settings:
    settings = load_settings({"models.device": "cpu"})
    if not show(CHAT.name, settings).present:
        pytest.skip("the default chat model is not there; run `crossroads models pull`")
    return settings


@pytest.fixture(scope="module")
def gguf(settings: Settings) -> Path:
    return show(CHAT.name, settings).folder / CHAT.files[0].path


@pytest.fixture(scope="module")
def model(settings: Settings) -> Any:
    return chat_model(f"local:{CHAT.name}", settings)


@pytest.mark.parametrize("text", TEXTS)
def test_our_tokenizer_is_openvinos(text: str, gguf: Path, settings: Settings) -> None:
    import openvino_genai

    theirs = openvino_genai.Tokenizer(str(engine_folder(gguf, settings) / "openvino"))
    codec = prepare(gguf, settings, "openvino")
    assert codec.encode(text) == theirs.encode(text, add_special_tokens=False).input_ids.data[0].tolist()


@pytest.mark.parametrize("text", TEXTS)
def test_encoding_and_decoding_lose_nothing(text: str, gguf: Path, settings: Settings) -> None:
    codec = prepare(gguf, settings)
    assert codec.decode(codec.encode(text)) == text


def test_the_weights_openvino_computes_with_are_the_files(gguf: Path, settings: Settings) -> None:
    """Every 4-bit matrix, dequantised as OpenVINO does, against the one gguf itself dequantises."""
    import numpy as np
    import openvino as ov
    from gguf import GGUFReader, dequantize

    prepare(gguf, settings, "openvino")
    tensors = GGUFReader(gguf).tensors
    down = next(tensor for tensor in tensors if tensor.name == "blk.0.ffn_down.weight")
    wanted = dequantize(down.data, down.tensor_type)
    worst = np.inf
    graph = ov.Core().read_model(engine_folder(gguf, settings) / "openvino" / "openvino_model.xml")
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Subtract" and list(node.output(0).get_partial_shape().to_shape()) == [576, 48, 32]:
            quants = node.input_value(0).get_node().input_value(0).get_node()
            zeros = node.input_value(1).get_node().get_data().astype(np.float32)
            multiply = next(iter(node.output(0).get_target_inputs())).get_node()
            scales = multiply.input_value(1).get_node().get_data().astype(np.float32)
            packed = np.frombuffer(quants.get_data().tobytes(), dtype=np.uint8)
            values = packed if packed.size == wanted.size else np.stack([packed & 15, packed >> 4], -1)
            found = (values.reshape(576, 48, 32).astype(np.float32) - zeros) * scales
            worst = min(worst, float(np.abs(found.reshape(wanted.shape) - wanted).max()))
    assert worst < 0.002 * float(np.abs(wanted).max())


def test_it_answers_on_openvino(model: Any) -> None:
    answer = model.invoke(QUESTIONS[0], max_tokens=20)
    assert "Paris" in answer.content
    assert answer.response_metadata["engine"] == "openvino"


def test_its_answers_are_those_of_transformers_in_fp32(model: Any, gguf: Path, settings: Settings) -> None:
    reference = settings.model_copy(update={"models": settings.models.model_copy(update={"engine": "transformers"})})
    exact = LocalChatModel(lambda: open_gguf(gguf, reference), name="reference", system=CHAT.system)
    same = [model.invoke(q, max_tokens=24).content == exact.invoke(q, max_tokens=24).content for q in QUESTIONS]
    assert all(same)


def test_it_is_not_told_that_it_is_smollm(model: Any) -> None:
    loaded = model._open()
    assert "SmolLM" in loaded.codec.facts.template
    assert "SmolLM" not in loaded.codec.render([{"role": "user", "content": "Hi"}], model.system)


def test_a_seed_repeats_and_another_differs(model: Any) -> None:
    def draw(seed: int) -> str:
        return str(model.invoke("Tell me a story.", temperature=1.2, seed=seed, max_tokens=24).content)

    assert draw(1) == draw(1) != draw(2)


def test_a_shared_prefix_is_not_computed_twice(model: Any) -> None:
    """In processor time, which other processes do not change."""
    long = "The meeting was about the colour of the new door. " * 60 + "What was it about?"
    spent = []
    for _ in range(4):
        begun = time.process_time()
        model.invoke(long, max_tokens=1)
        spent.append(time.process_time() - begun)
    assert min(spent[1:]) < spent[0] / 2


def test_a_prefix_of_another_conversation_changes_nothing(model: Any) -> None:
    asked = model.invoke(QUESTIONS[2], max_tokens=16).content
    model.invoke(QUESTIONS[1], max_tokens=16)
    assert model.invoke(QUESTIONS[2], max_tokens=16).content == asked


def test_closing_a_stream_frees_the_engine_at_once(model: Any) -> None:
    stream = model.stream("Count from one to five hundred in words.", max_tokens=2000)
    for _ in range(3):
        next(stream)
    stream.close()
    answer = model.invoke("Hi", max_tokens=4)  # would wait for 2000 tokens, and time out, were it still writing
    assert answer.usage_metadata["output_tokens"] >= 1
    assert model._open().desk._current is None


def test_questions_answered_together_get_the_answers_each_gets_alone(model: Any) -> None:
    alone = [model.invoke(question, max_tokens=16) for question in QUESTIONS]
    together = model.answer_together([[HumanMessage(question)] for question in QUESTIONS], max_tokens=16)
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert [reply.usage_metadata for reply in together] == [reply.usage_metadata for reply in alone]


def test_concurrent_requests_get_their_own_answers(model: Any) -> None:
    alone = [model.invoke(question, max_tokens=16).content for question in QUESTIONS]
    together: dict[str, str] = {}

    def ask(question: str) -> None:
        together[question] = model.invoke(question, max_tokens=16).content

    threads = [threading.Thread(target=ask, args=(question,)) for question in QUESTIONS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[question] for question in QUESTIONS] == alone
