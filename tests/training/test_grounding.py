"""Features, figures and the whole training of the grounding checker on made-up rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from training.grounding.data import Claim, make_swaps, rarity_of
from training.grounding.features import NAMES, Places, Rarity, Sentence, measure
from training.grounding.model import GroundingModel
from training.grounding.recipe import GroundingRecipe
from training.grounding.train import calibration_error, train_grounding
from training.stages import load_recipe

RARITY = Rarity({"kettl": 2.0, "boil": 3.0, "water": 1.0}, 4.0, frozenset({"kettle", "refund"}))
EVIDENCE = ["The kettle boils water in four minutes. Refunds take 1,000 days and are not made in cash."]


def _features(text: str) -> dict[str, float]:
    return dict(zip(NAMES, measure(Sentence(text), Places(EVIDENCE), RARITY).values(), strict=True))


def test_coverage_weighs_words_by_rarity() -> None:
    # kettle 2, boils 3, quickly 4: 5 of 9 are there
    assert _features("The kettle boils quickly.")["covered"] == pytest.approx(5 / 9)


def test_numbers_are_compared_in_digits_without_separators() -> None:
    assert _features("It takes 4 minutes and 1000 days.")["numbers"] == 0.0
    assert _features("It takes 4 minutes and 1,001 days.")["numbers"] == 0.5


def test_a_first_word_counts_as_a_name_only_where_it_is_no_common_word() -> None:
    assert Sentence("Kettle of Peter").names(RARITY) == {"pet"}
    assert Sentence("Peter boils").names(RARITY) == {"pet"}


def test_not_only_is_no_negation() -> None:
    assert not Sentence("It is not only fast").negated
    assert Sentence("It isn’t fast").negated


def test_negation_is_compared_by_clause() -> None:
    assert _features("Refunds take 1000 days.")["negation"] == 0.0
    assert _features("Refunds are made in cash.")["negation"] == 1.0


def test_every_feature_lies_between_0_and_1() -> None:
    for text in ("", "?", "I boil 7 Kettles, not water!", "word " * 200):
        assert all(0 <= value <= 1 for value in _features(text).values())


def test_a_model_reads_back_as_written(tmp_path: Path) -> None:
    model = GroundingModel(tuple(float(n) for n in range(len(NAMES))), 0.5, RARITY)
    model.save(tmp_path / "model.json")
    assert GroundingModel.load(tmp_path / "model.json") == model


def test_weights_for_other_features_are_refused(tmp_path: Path) -> None:
    GroundingModel((1.0,) * len(NAMES), 0.0, RARITY).save(tmp_path / "model.json")
    changed = (tmp_path / "model.json").read_text().replace('"covered"', '"coverage"')
    (tmp_path / "model.json").write_text(changed)
    with pytest.raises(ValueError, match="Train again"):
        GroundingModel.load(tmp_path / "model.json")


def test_calibration_error_is_the_distance_of_said_and_true_shares() -> None:
    # bin 0.2: says 0.2, true 0.5 (2 rows); bin 0.9: says 0.9, true 1 (2 rows)
    scores, labels = np.array([0.2, 0.2, 0.9, 0.9]), np.array([True, False, True, True])
    assert calibration_error(scores, labels) == pytest.approx((0.3 + 0.1) / 2)


def test_rarity_is_higher_for_rarer_words() -> None:
    rarity = rarity_of(["the cat sleeps", "a cat eats", "one cat sleeps", "dogs eat", "a cat sleeps"], 10)
    assert rarity.of("cat") < rarity.of("sleep") < rarity.of("zebra")


def test_swaps_are_half_right_and_the_wrong_ones_differ_from_the_passage() -> None:
    passage = "In 1887 the engineer Gustave Eiffel began the tower in Paris with Maurice Koechlin. " * 3
    claims = make_swaps([passage], 40, 1)
    assert sum(claim.supported for claim in claims) == 20
    assert all(claim.text not in passage for claim in claims if not claim.supported)


def test_all_rows_of_a_source_fall_on_one_side() -> None:
    claims = [Claim(text, f"source {n}", True, "set") for n in range(200) for text in ("one", "two")]
    sides = [claim.held_out(0.3) for claim in claims]
    assert sides[::2] == sides[1::2]
    assert 0.2 < np.mean(sides) < 0.4


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_training_learns_to_part_copies_from_inventions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[dict[str, object]] = []
    for n in range(120):
        source = f"The house on hill {n} was painted green by the mayor. It has {n + 3} rooms and a large cellar."
        rows.append({"source": source, "response": "The mayor painted the house green.", "label": "0"})
        rows.append({"source": source, "response": "Bananas sing loudly every morning.", "label": "1"})
    _write(tmp_path / "made.jsonl.gz", rows)
    _write(tmp_path / "squad_train.jsonl.gz", [{"context": str(row["source"])} for row in rows[::2]])
    monkeypatch.setenv("CROSSROADS_DATA", str(tmp_path))
    recipe = GroundingRecipe(name="t", out=tmp_path / "out", rows={"made": 240}, swaps=0)
    metrics = train_grounding(recipe, lambda _: None)
    assert metrics["held_out"]["made"]["balanced_accuracy"] == 100.0
    assert (tmp_path / "out" / "model.json").is_file()


def test_the_recipe_in_the_repository_loads() -> None:
    recipe = load_recipe("grounding")
    assert isinstance(recipe, GroundingRecipe)
    assert recipe.rows["detect_train"] > 0
