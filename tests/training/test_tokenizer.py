"""Tokenizers: each kind learns, reports fertility and round trip, and serves transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphs.errors import UsageError
from training.data.packing import write_stream
from training.run import Run
from training.tokenizer.recipe import TokenizerRecipe
from training.tokenizer.stage import run_tokenizer

DOCS = Path(__file__).parents[2] / "docs" / "guide"


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_a_tokenizer_learns_and_reports(kind: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    recipe = TokenizerRecipe(name="t", out=tmp_path, data=[str(DOCS)], kind=kind, vocabulary=900, sentinels=3)  # type: ignore[arg-type]
    with Run(recipe) as run:
        version = run_tokenizer(recipe, run)
    assert (version.kind, bool(version.data_sha256)) == ("tokenizer", True)
    assert 1.0 < version.metrics["fertility"] < 4.0
    assert version.metrics["unknown"] < 0.01
    low, high = {"bpe": (1.0, 1.0), "unigram": (0.8, 1.0), "wordpiece": (0.0, 0.99)}[kind]
    assert low <= version.metrics["round_trip"] <= high  # only bytes are sure to come back; WordPiece loses spaces
    loaded = AutoTokenizer.from_pretrained(run.model)
    assert len(loaded) == version.metrics["vocabulary"]
    assert loaded.tokenize("<extra_id_2>") == ["<extra_id_2>"]
    assert loaded.pad_token_id is not None


def test_a_larger_vocabulary_takes_fewer_tokens_a_word(tmp_path: Path) -> None:
    found = []
    for size in (400, 1500):
        recipe = TokenizerRecipe(name="t", out=tmp_path / str(size), data=[str(DOCS)], vocabulary=size)
        with Run(recipe) as run:
            found.append(run_tokenizer(recipe, run).metrics["fertility"])
    assert found[1] < 0.9 * found[0]


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    (tmp_path / "bare.jsonl").write_text('{"text": " "}\n', encoding="utf-8")
    recipe = TokenizerRecipe(name="t", out=tmp_path / "run", data=[str(tmp_path / "bare.jsonl")])
    with pytest.raises(UsageError, match="no text"), Run(recipe) as run:
        run_tokenizer(recipe, run)


def test_a_stream_packs_texts_end_to_end(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<|endoftext|>": 2, "?": 3}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="?")  # type: ignore[call-arg]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("a b", "", "b b a", "b")), encoding="utf-8")
    stream = write_stream([str(path)], "text", tokenizer, tmp_path / "tokens.bin")
    assert stream.tokens.tolist() == [0, 1, 2, 1, 1, 0, 2, 1, 2]
    assert (stream.texts, stream.words, stream.blocks(4)) == (3, 6, 2)
    assert stream.block(1, 4).tolist() == [1, 0, 2, 1]
