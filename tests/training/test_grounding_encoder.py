"""The grounding encoder: what it is shown, what it learns from, and a whole tiny run: killed, continued, joined."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import SettingsError, TrainingError
from tests.training.tiny import ended, forked
from training.grounding.data import Claim
from training.grounding.encoder_data import Bags, Claims, without_cues
from training.grounding.excerpt import Evidence
from training.grounding.features import Places, Rarity, Sentence
from training.grounding.model import GroundingModel, Joined
from training.grounding.recipe import EncoderRecipe
from training.grounding.spoil import spoil
from training.recipe import find_recipe, read_values, validated
from training.stages import load_recipe

RARITY = Rarity({}, 1.0)
LONG = (
    "The fox sleeps in the barn. " * 9
    + "Rain fell on Tuesday. The kettle holds two litres. "
    + "Snow lies on hills. " * 9
)


def _piece(claim: str, evidence: str, most: int) -> str:
    """The excerpt as text: one token a word."""
    words: list[str] = []

    def encode(text: str) -> list[int]:
        words.extend(text.split())
        return list(range(1000 + len(words) - len(text.split()), 1000 + len(words)))

    found = Evidence(Places([evidence]), encode).piece(Sentence(claim), [5, 6], RARITY, most, 8)
    assert found.ids[:4] == [101, 5, 6, 102]
    assert len(found.ids) <= most
    return " ".join(words[token - 1000] for token in found.ids[found.lead : -1])


def test_short_evidence_is_shown_whole() -> None:
    assert _piece("Kettles", "It rains. The kettle boils.", 64) == "It rains. The kettle boils."


def test_of_long_evidence_the_parts_with_the_claims_words_are_shown_in_their_order() -> None:
    shown = _piece("The kettle holds two litres of rain", LONG, 40)
    assert "Rain fell on Tuesday. The kettle holds two litres." in shown


def test_one_endless_sentence_is_shown_where_it_speaks_of_the_claim() -> None:
    assert "kettle" in _piece("The kettle", "word " * 300 + "the kettle stands here " + "word " * 300, 70)


def test_claims_with_a_cue_are_as_often_right_as_wrong() -> None:
    claims = [Claim(f"It is not {n}.", "e", n < 5, "fever") for n in range(60)]
    claims += [Claim(f"It is {n}.", "e", n < 30, "fever") for n in range(60)]
    kept = without_cues(claims, 0.5, 1)
    cued = [claim.supported for claim in kept if "not" in claim.text]
    assert (cued.count(True), cued.count(False), len(kept)) == (5, 5, 70)


@pytest.mark.parametrize(
    ("text", "spoiled"), [("It is not open.", "It is open."), ("She could not come.", "She could come.")]
)
def test_a_negation_is_taken_away_to_spoil_a_text(text: str, spoiled: str) -> None:
    assert spoil(text, "evidence", [], random.Random(1)) == spoiled  # noqa: S311


def test_a_spoiled_text_differs_and_says_no_more_words() -> None:
    text = "In 1887 the larger tower in Paris was built by Gustave Eiffel."
    for seed in range(30):
        changed = spoil(text, "Workers in 1889 painted a smaller tower near London.", ["Berlin"], random.Random(seed))  # noqa: S311
        assert changed
        assert changed != text
        assert abs(len(changed.split()) - len(text.split())) <= 1


def test_joined_weights_read_back_and_take_the_place_of_the_features_alone(tmp_path: Path) -> None:
    zeros = (0.0,) * 13
    model = GroundingModel(zeros, -2.0, RARITY, Joined(zeros, 1.0, 0.0))
    model.save(tmp_path / "model.json")
    assert GroundingModel.load(tmp_path / "model.json") == model
    texts, evidence = ["the kettle boils water fast"], ["the kettle makes noise", "rain fell"]
    alone, sure, doubtful = (
        model.scores(texts, evidence, logits)[0]
        for logits in (None, lambda s, p: [5.0] * len(s), lambda s, p: [-5.0] * len(s))
    )
    assert alone == pytest.approx(0.1192, abs=1e-4)
    assert (sure > 0.99, doubtful < 0.01) == (True, True)


def test_no_encoder_can_lift_a_wrong_number_nor_sink_a_copy() -> None:
    model = GroundingModel((0.0,) * 13, 0.0, RARITY, Joined((0.0,) * 13, 1.0, 0.0))
    evidence = ["The kettle holds 2 litres."]
    assert model.scores(["The kettle holds 3 litres."], evidence, lambda s, p: [9.0] * len(s))[0] <= 0.2
    assert model.scores(["The kettle holds 2 litres."], evidence, lambda s, p: [-9.0] * len(s)) == [1.0]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EncoderRecipe:
    """A recipe over made-up claims and a two-layer encoder of 16 dimensions."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel

    said = "the mayor painted house green hill has rooms and a large cellar bananas sing loudly every morning on not is it was by"  # noqa: E501
    words = ["[PAD]", *[f"[u{n}]" for n in range(1, 101)], "[CLS]", "[SEP]", *said.split(), "[UNK]"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))  # type: ignore[arg-type, call-arg]
    tokenizer.pre_tokenizer = Whitespace()  # type: ignore[assignment]
    base, data = tmp_path / "base", tmp_path / "data"
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(base)
    tokenizer.save(str(base / "tokenizer.json"))
    data.mkdir()
    sources = [f"the house on hill {n} was painted green by the mayor. it has {n + 3} rooms." for n in range(120)]
    right, wrong = "the house was painted green by the mayor.", "bananas sing loudly every morning. it has rooms."
    rows = [
        {"source": source, "response": text, "label": label, "dataset": "made_one"}
        for source in sources
        for text, label in ((right, "0"), (wrong, "1"))
    ]
    _write(data / "made.jsonl.gz", rows)
    pairs = [(right, "entailment"), ("the house is not green", "contradiction")]
    _write(
        data / "nli_train.jsonl.gz",
        [{"premise": s, "hypothesis": t, "label": label, "dataset": "fever"} for s in sources for t, label in pairs],
    )
    for name in ("squad_train", "squad_unlabelled", "qa_extractive_train"):
        _write(data / f"{name}.jsonl.gz", [{"context": source} for source in sources[:20]])
    monkeypatch.setenv("CROSSROADS_DATA", str(data))
    values = read_values(find_recipe("grounding-encoder"))
    values |= {"base": str(base), "start": None, "out": str(tmp_path / "out"), "precision": "fp32", "minutes": 0}
    values |= {"repeats": {"made": 1.0, "fever": 0.5}, "swaps": 0, "spoiled": 5, "batch_tokens": 400, "max_tokens": 64}
    values |= {"steps": 12, "checkpoint_every": 4, "evaluate_every": 6, "evaluate_rows": 20, "warmup_steps": 2}
    values["features"] = {"name": "features", "seed": 7, "rows": {"made": 240}, "swaps": 0, "vocabulary": 100}
    return validated(EncoderRecipe, values, "made")


def _claims(recipe: EncoderRecipe) -> Claims:
    from training.reader.data import data_folder

    return Claims(recipe, data_folder())


def _weights(recipe: EncoderRecipe) -> dict[str, Any]:
    from safetensors.torch import load_file

    found = load_file(str(recipe.out / "checkpoint.safetensors"))
    return {name: value for name, value in found.items() if name.startswith("weight/")}


def test_the_recipe_in_the_repository_loads_and_holds_out_what_the_features_do() -> None:
    recipe, features = load_recipe("grounding-encoder"), load_recipe("grounding")
    assert isinstance(recipe, EncoderRecipe)
    kept = {"seed", "held_out", "rows", "swaps", "vocabulary", "regularisation"}
    assert recipe.features.model_dump(include=kept) == features.model_dump(include=kept)


def test_nothing_is_learnt_from_a_source_that_is_fitted_on_or_judged(tiny: EncoderRecipe) -> None:
    claims = _claims(tiny)
    learnt = {claim.evidence for own in claims.learn.values() for claim in own}
    others = {part: {claim.evidence for claim in claims.of(part)} for part in ("fit", "judge")}  # type: ignore[arg-type]
    assert all((learnt, *others.values()))
    assert not learnt & (others["fit"] | others["judge"])
    assert not others["fit"] & others["judge"]


def test_a_pass_is_the_same_each_time_and_another_one_differs(tiny: EncoderRecipe) -> None:
    first, again, next_pass = (
        Bags(_claims(tiny)).batches(0),
        Bags(_claims(tiny)).batches(0),
        Bags(_claims(tiny)).batches(1),
    )
    assert first == again
    assert first != next_pass
    for batch in first:
        assert len(batch) == 1 or max(b.longest for b in batch) * sum(len(b.pieces) for b in batch) <= 400


def test_a_run_killed_and_continued_ends_where_a_whole_run_does(
    tiny: EncoderRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.grounding.encoder_train import EncoderLoop, train_encoder

    whole = tiny.model_copy(update={"out": tiny.out / "whole", "cooldown": 0.0})
    train_encoder(whole, _claims(whole), lambda _: None)
    parts = tiny.model_copy(update={"out": tiny.out / "parts", "cooldown": 0.0})
    step = EncoderLoop._step

    def killing(self: EncoderLoop, batch: Any) -> None:
        step(self, batch)
        if self.progress.step == 10:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(EncoderLoop, "_step", killing)
        assert ended(forked(lambda: train_encoder(parts, _claims(parts), lambda _: None))) == -signal.SIGKILL
    said: list[str] = []
    record = train_encoder(parts, _claims(parts), said.append)
    assert "continuing at step 8" in said
    assert record["steps"] == 12
    one, other = _weights(whole), _weights(parts)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_good_weights(
    tiny: EncoderRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.grounding.encoder_train import EncoderLoop, train_encoder

    losses = EncoderLoop.losses

    def breaking(self: EncoderLoop, part: Any) -> tuple[torch.Tensor, torch.Tensor]:
        people, made = losses(self, part)
        return people * (float("nan") if self.progress.step == 6 else 1.0), made

    monkeypatch.setattr(EncoderLoop, "losses", breaking)
    with pytest.raises(TrainingError, match=r"step 7 is no number.*checkpoint\.safetensors, is kept"):
        train_encoder(tiny, _claims(tiny), lambda _: None)
    assert all(value.isfinite().all() for value in _weights(tiny).values())


def test_the_whole_stage_learns_joins_judges_and_writes_what_ships(tiny: EncoderRecipe) -> None:
    from training.stages import train

    trained = train(tiny.model_copy(update={"steps": 60, "learning_rate": 3e-3}))
    names = {path.name for path in trained.folder.iterdir()}
    assert {"encoder-1.safetensors", "encoder.json", "model.json", "metrics.json"} <= names
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert metrics["encoder_alone"]["all"]["auc"] > 0.9
    assert metrics["held_out"]["made_one"]["balanced_accuracy"] == 100.0
    model = GroundingModel.load(trained.folder / "model.json")
    assert model.joined is not None
    assert model.joined.logit > 0


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="spoilt"):
        load_recipe("grounding-encoder", {"spoilt": 1})
