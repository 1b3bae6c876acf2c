"""Our decoding loop against the library's own, on tiny random models of two families."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import Models, Settings
from assistant.engines.transformers_engine import TransformersEngine
from assistant.engines.types import Sampling
from assistant.providers import chat_model
from graphs.errors import ModelError
from tests.assistant.tiny_models import tiny_folder

FAMILIES = ("llama", "falcon")
PROMPT = list(b"The quick brown fox")
NO_ENDS: frozenset[int] = frozenset()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: tiny_folder(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


@pytest.fixture(params=FAMILIES)
def engine(request: pytest.FixtureRequest, folders: dict[str, Path]) -> TransformersEngine:
    return TransformersEngine(str(folders[request.param]))


def write(
    engine: TransformersEngine, prompt: list[int], sampling: Sampling, ends: frozenset[int] = NO_ENDS
) -> list[int]:
    new: list[int] = []

    def emit(token: int) -> bool:
        new.append(token)
        return True

    engine.run(prompt, sampling, ends, emit)
    return new


def test_greedy_is_the_librarys_greedy(engine: TransformersEngine) -> None:
    import torch

    ids = torch.tensor([PROMPT])
    wanted = engine.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    assert write(engine, PROMPT, Sampling(max_tokens=20)) == wanted[0, len(PROMPT) :].tolist()


def test_prompts_written_together_get_what_each_gets_alone(engine: TransformersEngine) -> None:
    prompts = [PROMPT, list(b"A dog"), list(b"Once upon a time there was a king who")]
    alone = [write(engine, prompt, Sampling(max_tokens=12)) for prompt in prompts]
    assert engine.run_together(prompts, Sampling(max_tokens=12), NO_ENDS) == alone
    ends = frozenset(alone[1][4:5])
    stopped = [write(engine, prompt, Sampling(max_tokens=12), ends) for prompt in prompts]
    assert engine.run_together(prompts, Sampling(max_tokens=12), ends) == stopped


def test_a_reused_prefix_changes_nothing(engine: TransformersEngine, folders: dict[str, Path]) -> None:
    write(engine, PROMPT, Sampling(max_tokens=8))
    longer = [*PROMPT[:10], *b" another ending"]
    again = write(engine, longer, Sampling(max_tokens=12))
    engine._cache, engine._seen = None, []
    assert again == write(engine, longer, Sampling(max_tokens=12))


def test_a_prefix_is_reused(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    new = write(engine, PROMPT, Sampling(max_tokens=5))
    fed: list[int] = []
    feed = engine._feed
    monkeypatch.setattr(engine, "_feed", lambda ids: fed.append(len(ids)) or feed(ids))
    write(engine, [*PROMPT, *new, *b"more"], Sampling(max_tokens=1))
    assert fed == [len(b"more") + 1]  # the last token written had not been through the model yet


def test_the_same_prompt_again_computes_one_token(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    write(engine, PROMPT, Sampling(max_tokens=3))
    fed: list[int] = []
    feed = engine._feed
    monkeypatch.setattr(engine, "_feed", lambda ids: fed.append(len(ids)) or feed(ids))
    write(engine, PROMPT, Sampling(max_tokens=1))
    assert fed == [1]


def test_a_seed_repeats_and_another_differs(engine: TransformersEngine) -> None:
    drawn = [write(engine, PROMPT, Sampling(max_tokens=16, temperature=1.5, seed=seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_tiny_top_p_is_greedy(engine: TransformersEngine) -> None:
    narrow = write(engine, PROMPT, Sampling(max_tokens=8, temperature=1.0, top_p=1e-6, seed=3))
    assert narrow == write(engine, PROMPT, Sampling(max_tokens=8))


def test_a_strong_penalty_never_repeats(engine: TransformersEngine) -> None:
    new = write(engine, PROMPT, Sampling(max_tokens=30, repetition_penalty=1e6))
    assert len(set(new)) == len(new)


def test_an_end_token_ends_it_unseen(engine: TransformersEngine) -> None:
    new = write(engine, PROMPT, Sampling(max_tokens=6))
    stop = new[3]
    assert write(engine, PROMPT, Sampling(max_tokens=6), frozenset({stop})) == new[: new.index(stop)]


def test_it_stops_when_told(engine: TransformersEngine) -> None:
    seen: list[int] = []
    engine.run(PROMPT, Sampling(max_tokens=50), NO_ENDS, lambda token: len(seen.append(token) or seen) < 4)
    assert len(seen) == 4


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_answers_by_its_hf_name(family: str, folders: dict[str, Path], tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path, models=Models(device="cpu"))
    answer = chat_model(f"hf:{folders[family]}", settings).invoke("Hello", max_tokens=6)
    assert answer.response_metadata["engine"] == "transformers"
    assert answer.usage_metadata is not None
    assert 1 <= answer.usage_metadata["output_tokens"] <= 6


def test_what_is_no_model_is_an_error_with_a_cure(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path, models=Models(device="cpu"))
    with pytest.raises(ModelError, match="could not be loaded") as caught:
        chat_model(f"hf:{tmp_path}", settings).invoke("Hello")
    assert "config.json" in caught.value.cure
