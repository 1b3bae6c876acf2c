"""The reader: its graph against torch, its offsets, and the weights that ship."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assistant.config import Settings, load_settings
from assistant.evidence import open_reader
from assistant.evidence.reader import WEIGHTS, TunedReader, shards
from graphs.errors import CrossroadsError, ModelError
from training.reader.reading import Calibration

PASSAGES = [
    "The warranty lasts 24 months from the day of purchase. Batteries are covered for six months only.",
    "Bananas are yellow when ripe.",
]


@pytest.fixture(scope="module")
def base() -> Path:
    from assistant.models import ensure

    try:
        return ensure("all-minilm-l6-v2", load_settings())
    except (CrossroadsError, RuntimeError) as error:
        pytest.skip(f"the base model is not here ({error}); `crossroads models pull` fetches it")


@pytest.fixture(scope="module")
def folder(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained network, written as a release writes them."""
    import torch

    from training.grounding.features import Rarity
    from training.reader.model import ReaderNetwork
    from training.reader.recipe import ReaderRecipe
    from training.reader.report import Report, ship

    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("reader")
    recipe = ReaderRecipe(name="test", base=base, out=made)
    ship(Report(ReaderNetwork(base, 0.0), Calibration(), Rarity({"warranti": 3.0}, 9.0), {}), recipe, made)
    return made


@pytest.fixture(scope="module")
def reader(base: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TunedReader:
    settings = Settings(cache=tmp_path_factory.mktemp("cache"))
    return TunedReader(base, settings, folder)


@pytest.mark.models
def test_the_graph_gives_what_torch_gives(base: Path, folder: Path) -> None:
    import openvino
    import torch
    from safetensors.torch import load_file

    from assistant.evidence.reader_graph import build_reader
    from training.reader.model import ReaderNetwork
    from training.reader.reading import Piece, pad

    network = ReaderNetwork(base, 0.0).eval()
    for shard in shards(folder):
        network.load_state_dict({name: value.float() for name, value in load_file(shard).items()}, strict=False)
    batch = pad(
        [Piece([101, 2129, 2146, 102, 1996, 10943, 2003, 2484, 2706, 102], 4, 0), Piece([101, 7, 102, 9, 102], 3, 0)]
    )
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(build_reader(base, shards(folder)), "CPU", options)
    ours = list(compiled(list(batch)).values())
    with torch.inference_mode():
        theirs = [value.numpy() for value in network(*map(torch.from_numpy, batch))]
    lengths = batch[1].sum(1)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        for line, size in enumerate(lengths):
            np.testing.assert_allclose(mine[line, :size], other[line, :size], atol=2e-3)
    np.testing.assert_allclose(ours[2], theirs[2], atol=2e-3)


@pytest.mark.models
def test_every_shard_is_small_enough_for_the_repository(folder: Path) -> None:
    assert len(shards(folder)) == 2
    assert all(shard.stat().st_size <= 16 * 2**20 for shard in shards(folder))


@pytest.mark.models
def test_offsets_point_into_the_passage(reader: TunedReader) -> None:
    for passage, reading in zip(PASSAGES, reader.read("How long?", PASSAGES), strict=True):
        assert passage[reading.start : reading.end] == reading.text
        assert 0 <= reading.answerable <= 1


@pytest.mark.models
def test_a_passage_reads_the_same_alone_and_in_company(reader: TunedReader) -> None:
    alone = reader.read("How long?", PASSAGES[:1])[0]
    among = reader.read("How long?", [PASSAGES[1] * 20, PASSAGES[0], PASSAGES[1]])[1]
    assert (alone.start, alone.end) == (among.start, among.end)
    assert alone.answerable == pytest.approx(among.answerable, abs=1e-4)


@pytest.mark.models
def test_a_passage_longer_than_the_model_is_read_to_its_end(reader: TunedReader) -> None:
    long = "Filler words stand here. " * 300 + PASSAGES[0]
    reading = reader.read("How long?", [long])[0]
    assert long[reading.start : reading.end] == reading.text
    assert reading.end > reading.start


@pytest.mark.models
def test_nothing_to_read_is_no_answer(reader: TunedReader) -> None:
    assert reader.read("How long?", []) == []
    assert [reading.answerable for reading in reader.read("How long?", ["", "  "])] == [0.0, 0.0]
    assert reader.read("", PASSAGES)[0].answerable == 0.0


@pytest.mark.models
def test_a_second_start_takes_the_compiled_graph(base: Path, folder: Path, tmp_path: Path) -> None:
    settings = Settings(cache=tmp_path)
    first = TunedReader(base, settings, folder).read("How long?", PASSAGES)
    assert len(list((tmp_path / "engines").glob("reader-*.blob"))) == 1
    again = TunedReader(base, settings, folder).read("How long?", PASSAGES)
    assert [reading.text for reading in again] == [reading.text for reading in first]


@pytest.mark.models
def test_a_broken_graph_in_the_cache_is_made_again(base: Path, folder: Path, tmp_path: Path) -> None:
    settings = Settings(cache=tmp_path)
    TunedReader(base, settings, folder)
    blob = next((tmp_path / "engines").glob("reader-*.blob"))
    blob.write_bytes(b"cut short")
    assert TunedReader(base, settings, folder).read("How long?", PASSAGES)[0].text


@pytest.mark.models
def test_a_broken_weight_file_names_itself(base: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "reader.json").write_text((folder / "reader.json").read_text())
    (tmp_path / "reader-1.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="does not load"):
        TunedReader(base, Settings(cache=tmp_path), tmp_path)


def test_no_weights_means_no_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("assistant.evidence.reader.shards", lambda: [])
    assert open_reader(Settings(cache=tmp_path)) is None


needs_weights = pytest.mark.skipif(not shards(), reason="no reader weights in this copy")


@needs_weights
def test_what_ships_is_small_and_has_a_card() -> None:
    sizes = [file.stat().st_size for file in WEIGHTS.iterdir()]
    assert max(sizes) <= 16 * 2**20
    assert sum(sizes) <= 64 * 2**20
    assert (WEIGHTS / "CARD.md").is_file()
    assert json.loads((WEIGHTS / "metrics.json").read_text())["squad_dev"]["n"] > 1000


@needs_weights
@pytest.mark.models
def test_the_shipped_reader_finds_a_plain_answer(base: Path) -> None:
    reader = open_reader(load_settings())
    assert reader is not None
    found, other = reader.read("How long does the warranty last?", PASSAGES)
    assert "24 months" in found.text
    assert found.answerable > other.answerable


@needs_weights
@pytest.mark.models
def test_the_application_looks_as_the_report_does(base: Path) -> None:
    """Offsets, words and meaning of what is read weigh the same here, in another engine, as where they were fitted."""
    from training.grounding.features import Rarity
    from training.reader.data import Row, Tokens
    from training.reader.loop import saved_weights
    from training.reader.model import ReaderNetwork
    from training.reader.reads import Looker, read_rows
    from training.reader.recipe import ReaderRecipe

    shipped = json.loads((WEIGHTS / "reader.json").read_text())
    network = ReaderNetwork(base, 0.0).eval()
    network.load_state_dict(saved_weights(WEIGHTS), strict=False)
    tokens, rarity = Tokens(base), Rarity(shipped["rarity"], shipped["unknown_rarity"])
    asked = ["How long does the warranty last?", "When was the warranty repealed in Normandy?", "Who peels bananas?"]
    rows = [Row(question, passage, 0, 0, "test") for question in asked for passage in PASSAGES]
    recipe = ReaderRecipe(name="test", base=base, max_tokens=shipped["max_tokens"])
    calibration = Calibration(**{**shipped["calibration"], "words": tuple(shipped["calibration"]["words"])})
    expected = [
        calibration.chance(read.found, read.looks)
        for read in Looker(base, rarity).look(read_rows(network, tokens, recipe, rows), tokens)
    ]
    reader = open_reader(load_settings())
    assert reader is not None
    found = [reading.answerable for question in asked for reading in reader.read(question, PASSAGES)]
    assert found == pytest.approx(expected, abs=0.03)
    assert max(expected) - min(expected) > 0.3
