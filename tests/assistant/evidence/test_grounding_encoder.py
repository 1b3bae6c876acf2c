"""The encoder beside the checker's features: served as it was trained, and done without where it cannot be had."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from assistant.config import Settings, load_settings
from assistant.evidence import CheckerWhenAsked, open_checker
from assistant.evidence.checker import FeatureChecker, shipped_model
from assistant.evidence.grounding_encoder import BASE, GroundingEncoder, shards
from graphs.errors import CrossroadsError, ModelError
from training.grounding.excerpt import Evidence
from training.grounding.features import Places, Rarity, Sentence
from training.reader.reading import pad

EVIDENCE = [
    "The Aurora kettle was designed by Maria Lindgren in 1998. It holds 1.7 litres and boils in four minutes. "
    "The warranty lasts 24 months from the day of purchase and does not cover damage caused by limescale.",
    "Returns are accepted within 30 days. " + "Filler sentences say nothing of use. " * 40,
]
TEXTS = ["Goods may be sent back for a month.", "The kettle was drawn by Lindgren.", "Bananas sing loudly."]
RARITY = Rarity({}, 1.0)


@pytest.fixture(scope="module")
def base() -> Path:
    from assistant.models import ensure

    try:
        return ensure(BASE, load_settings())
    except (CrossroadsError, RuntimeError) as error:
        pytest.skip(f"the base model is not here ({error}); `crossroads models pull` fetches it")


@pytest.fixture(scope="module")
def folder(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped encoder, or an untrained one written as a release writes it."""
    if shards():
        return shards()[0].parent
    import torch

    from training.reader.model import ReaderNetwork
    from training.reader.report import save_shards

    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("grounding")
    save_shards(ReaderNetwork(base, 0.0), made, "encoder")
    (made / "encoder.json").write_text(json.dumps({"max_tokens": 192, "max_claim_tokens": 80}))
    return made


@pytest.mark.models
def test_what_is_served_is_the_network_that_was_trained(base: Path, folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from training.reader.data import Tokens
    from training.reader.model import ReaderNetwork

    sizes = json.loads((folder / "encoder.json").read_text())
    tokens, places = Tokens(base), Places(EVIDENCE)
    evidence = Evidence(places, lambda text: tokens.encode(text)[0])
    most = (sizes["max_tokens"], sizes["max_claim_tokens"])
    pieces = [evidence.piece(Sentence(text), tokens.encode(text)[0], RARITY, *most) for text in TEXTS]
    network = ReaderNetwork(base, 0.0).eval()
    for shard in shards(folder):
        network.load_state_dict({name: value.float() for name, value in load_file(shard).items()}, strict=False)
    with torch.inference_mode():
        trained = network(*map(torch.from_numpy, pad(pieces)))[2].tolist()
    served = GroundingEncoder(base, Settings(cache=tmp_path), RARITY, folder)
    assert served.logits([Sentence(text) for text in TEXTS], places) == pytest.approx(trained, abs=5e-3)


@pytest.mark.models
def test_every_shard_is_small_enough_for_the_repository(folder: Path) -> None:
    assert all(shard.stat().st_size <= 16 * 2**20 for shard in shards(folder))


@pytest.mark.models
def test_broken_weights_are_named_with_the_cure(base: Path, folder: Path, tmp_path: Path) -> None:
    for file in (*shards(folder), folder / "encoder.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes()[:100])
    with pytest.raises(ModelError, match="Install the package again"):
        GroundingEncoder(base, Settings(cache=tmp_path), RARITY, tmp_path)


def test_without_the_base_words_decide_alone_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def missing(name: str, _: Settings) -> Path:
        raise ModelError(f"The model {name!r} could not be fetched.", "Connect to the internet.")

    monkeypatch.setattr("assistant.models.ensure", missing)
    with caplog.at_level(logging.WARNING):
        checker = open_checker(Settings(cache=tmp_path))
    assert checker.check(TEXTS[1], EVIDENCE) == FeatureChecker().check(TEXTS[1], EVIDENCE)
    if shards() and shipped_model().joined:
        assert f"{BASE!r} could not be fetched" in caplog.text


def test_a_checker_for_training_is_opened_by_the_first_check(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Settings] = []

    def opening(settings: Settings) -> FeatureChecker:
        opened.append(settings)
        return FeatureChecker()

    monkeypatch.setattr("assistant.evidence.open_checker", opening)
    checker = CheckerWhenAsked(Settings())
    assert not opened
    texts = [checker.check(text, EVIDENCE).label for text in ("Returns are accepted within 30 days.", TEXTS[2])]
    assert texts == ["supported", "unsupported"]
    assert len(opened) == 1


def test_a_copy_is_not_shown_to_the_encoder() -> None:
    seen: list[str] = []

    def logits(sentences: list[Sentence], places: Places) -> list[float]:
        seen.extend(sentence.text for sentence in sentences)
        return [0.0] * len(sentences)

    FeatureChecker(logits=logits).check("It holds 1.7 litres and boils in four minutes. Bananas sing.", EVIDENCE)  # type: ignore[arg-type]
    assert seen == ["Bananas sing."]
