"""Bad data ends a run of every stage before its model is loaded, with the row at fault and the cure."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import ModelError, UsageError
from tests.training.tiny import signals
from training.stages import STAGES, load_recipe, train
from training.stages import _load as load

Row = dict[str, Any]
Make = Callable[[str, str, str], Row]


def answer(asked: str, right: str, _: str) -> Row:
    return {"prompt": asked, "completion": right}


def pair(asked: str, right: str, wrong: str) -> Row:
    return {"prompt": asked, "chosen": right, "rejected": wrong}


def vote(asked: str, right: str, wrong: str) -> Row:
    liked = int(asked[-1]) % 2 == 0
    return {"prompt": asked, "completion": right if liked else wrong, "label": liked}


def marked(asked: str, right: str, wrong: str) -> Row:
    return {"question": asked, "passages": [f"{asked}: {right}.", wrong], "gold": [0]}


STAGED: dict[str, tuple[Make, str, Row]] = {
    "sft": (answer, "completion", {"packing": False}),
    "dpo": (pair, "chosen", {}),
    "orpo": (pair, "chosen", {}),
    "kto": (vote, "completion", {}),
    "reward": (pair, "chosen", {}),
    "grpo": (lambda a, r, _: {"prompt": a, "answer": r}, "prompt", {"rewards": ["exact"], "generations": 2}),
    "rloo": (lambda a, r, _: {"prompt": a, "answer": r}, "prompt", {"rewards": ["exact"], "generations": 2}),
    "classifier": (lambda a, r, _: {"text": a, "label": r}, "text", {}),
    "embeddings": (lambda a, r, _: {"anchor": a, "positive": f"{a} {r}"}, "positive", {}),
    "reranker": (marked, "question", {}),
}
"""Stage → a right row, the column that can be too long, and keys of its recipe."""
ENCODERS = {"classifier", "embeddings", "reranker"}


def lines_of(rows: Sequence[Row]) -> list[bytes]:
    return [json.dumps(row).encode() for row in rows]


def empty(lines: list[bytes], stage: str) -> list[bytes]:
    return []


def broken(lines: list[bytes], stage: str) -> list[bytes]:
    return [lines[0], lines[1].replace(b'": "', b'": "\xff', 1), *lines[2:]]


def columns(lines: list[bytes], stage: str) -> list[bytes]:
    return [lines[0], b'{"other": "x"}', *lines[2:]]


def long(lines: list[bytes], stage: str) -> list[bytes]:
    row = json.loads(lines[1])
    return [lines[0], json.dumps({**row, STAGED[stage][1]: "x" * 400}).encode(), *lines[2:]]


def leaking(lines: list[bytes], stage: str) -> list[bytes]:
    return [*lines[:2], lines[-1], *lines[3:-1]]


FAULTS: dict[str, tuple[Callable[[list[bytes], str], list[bytes]], str, str]] = {
    "empty": (empty, "has no rows", "one JSON object a line"),
    "broken UTF-8": (broken, "line 2 is not UTF-8", "Save the file as UTF-8"),
    "wrong columns": (columns, "line 2: these columns fit nothing: other", "Write rows with"),
    "longer than the context": (long, r"line 2 has \d+ tokens; max_length is 128", "too_long"),
    "of the test set": (leaking, "line 3 stands in the held-back rows", "Take it out"),
}


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model may be loaded or built."""
    import transformers

    def loaded(*_: Any, **__: Any) -> None:
        pytest.fail("a model was loaded")

    monkeypatch.setattr(transformers.PreTrainedModel, "from_pretrained", loaded)
    monkeypatch.setattr(transformers.PreTrainedModel, "__init__", loaded)


def attempt(stage: str, folder: Path, lines: Sequence[bytes], base: Path, **keys: Any) -> None:
    """Train a stage of tuning on lines of a file."""
    data = folder / "rows.jsonl"
    data.write_bytes(b"\n".join(lines) + b"\n")
    usual = {"name": "bad", "out": folder / "run", "batch": 2, "max_length": 128, "steps": 1}
    kind = load(STAGES[stage].recipe)
    train(kind(stage=stage, base=str(base), data=[data], **{**usual, **STAGED[stage][2], **keys}))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stage", STAGED)
def test_bad_rows_end_a_stage_with_their_line(
    stage: str, fault: str, tmp_path: Path, tiny: Path, encoder: Path
) -> None:
    spoil, said, cure = FAULTS[fault]
    lines = lines_of([STAGED[stage][0](*signal) for signal in signals(12)])
    dev = tmp_path / "dev.jsonl"
    dev.write_bytes(b"\n".join(lines[8:]) + b"\n")
    spoilt = spoil(lines if fault == "of the test set" else lines[:8], stage)
    with pytest.raises(UsageError, match=said) as refused:
        attempt(stage, tmp_path, spoilt, encoder if stage in ENCODERS else tiny, dev=[dev])
    assert cure in refused.value.cure


ALIKE: dict[str, tuple[Make, str]] = {
    "classifier": (lambda a, r, _: {"text": a, "label": "one"}, "have the label 'one'"),
    "kto": (lambda a, r, _: {"prompt": a, "completion": r, "label": True}, "are liked"),
    "dpo": (lambda a, r, _: {"prompt": a, "chosen": r, "rejected": r}, "line 1: 'chosen' and 'rejected' are the same"),
    "reward": (lambda a, r, _: {"prompt": a, "chosen": r, "rejected": r}, "line 1: 'chosen' and 'rejected' are"),
    "reranker": (lambda a, r, _: {"question": a, "passages": [r], "gold": [0]}, "line 1: every passage is gold"),
    "embeddings": (lambda a, r, _: {"anchor": a, "positive": "the same"}, "rows are of one document"),
}
"""Stage → rows of one class, and what is said."""


@pytest.mark.parametrize("stage", ALIKE)
def test_rows_of_one_class_are_nothing_to_learn(stage: str, tmp_path: Path, tiny: Path, encoder: Path) -> None:
    make, said = ALIKE[stage]
    lines = lines_of([make(*signal) for signal in signals(12)])
    with pytest.raises(UsageError, match=said) as refused:
        attempt(stage, tmp_path, lines, encoder if stage in ENCODERS else tiny)
    assert refused.value.cure


def test_a_row_of_one_token_is_nothing_to_learn(tmp_path: Path, tiny: Path) -> None:
    rows = [{"text": "it is so"}, {"text": "a"}, {"text": "it was so"}]
    with pytest.raises(UsageError, match=r"line 2 has 2 tokens, 0 of them to learn") as refused:
        attempt("sft", tmp_path, lines_of(rows), tiny)
    assert "take the row out" in refused.value.cure


STREAMED: dict[str, tuple[bytes, str, str]] = {
    "empty": (b'{"text": " "}\n', "no text|0 prompts", "the column with"),
    "broken UTF-8": (b'{"text": "fine"}\n{"text": "\xff"}\n', "row 2 is not UTF-8: byte 10 is 0xff", "UTF-8"),
    "wrong columns": (b'{"text": "fine"}\n{"body": "x"}\n', "row 2 has no column 'text'", "It has: body"),
}


def stream(stage: str, folder: Path, content: bytes, tiny: Path, **keys: Any) -> None:
    """Train a stage that reads raw text."""
    data = folder / "texts.jsonl"
    data.write_bytes(content)
    models = {"tokenizer": {}, "pretrain": {"tokenizer": str(tiny)}, "distil": {"teacher": str(tiny)}}[stage]
    kind = load(STAGES[stage].recipe)
    train(kind(name="bad", out=folder / "run", data=[str(data)], **models, **keys))


@pytest.mark.parametrize("fault", STREAMED)
@pytest.mark.parametrize(
    ("stage", "method"), [(s, "") for s in ("tokenizer", "pretrain", "distil")] + [("distil", "on_policy")]
)
def test_bad_texts_end_a_stage_with_their_row(stage: str, method: str, fault: str, tmp_path: Path, tiny: Path) -> None:
    content, said, cure = STREAMED[fault]
    with pytest.raises(UsageError, match=said) as refused:
        stream(stage, tmp_path, content, tiny, **({"method": method} if method else {}))
    assert cure in refused.value.cure


@pytest.mark.parametrize("stage", ["pretrain", "distil"])
def test_a_held_out_text_may_not_be_learnt(stage: str, tmp_path: Path, tiny: Path) -> None:
    dev = tmp_path / "dev.jsonl"
    dev.write_text('{"text": "two"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"row 2 stands in the held-out files") as refused:
        stream(stage, tmp_path, b'{"text": "one"}\n{"text": "two"}\n', tiny, dev=[str(dev)])
    assert "--against" in refused.value.cure


def test_a_prompt_longer_than_the_context_is_named(tmp_path: Path, tiny: Path) -> None:
    content = b'{"text": "one"}\n{"text": "' + b"x" * 400 + b'"}\n'
    with pytest.raises(UsageError, match=r"row 2 has \d+ tokens; context is 256") as refused:
        stream("distil", tmp_path, content, tiny, method="on_policy")
    assert "raise context" in refused.value.cure


READ = {"question": "who is it", "context": "it is Ann", "title": "t", "answers": ["Ann"], "is_impossible": False}
OTHER = {**READ, "question": "who was it", "answers": [], "is_impossible": True}
READER: dict[str, tuple[list[bytes], str, str]] = {
    "empty": ([], "has no rows", "one JSON object a line"),
    "broken UTF-8": ([*lines_of([READ]), b'{"question": "\xff"}'], "line 2 is not UTF-8", "UTF-8"),
    "wrong columns": (lines_of([READ, {"question": "x"}]), "line 2: there is no 'context'", "Write rows with"),
    "one class": (lines_of([READ]), "All questions are answerable", "is_impossible"),
    "of the test set": (lines_of([READ, {**READ, "context": "held"}]), "line 2 stands in the development", "Take it"),
}


@pytest.mark.parametrize("fault", READER)
def test_bad_rows_end_the_reader_with_their_line(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.reader import train as module
    from training.reader.recipe import ReaderRecipe

    lines, said, cure = READER[fault]
    monkeypatch.setenv("CROSSROADS_DATA", str(tmp_path))
    monkeypatch.setattr(module, "ReaderNetwork", lambda *_: pytest.fail("a model was loaded"))
    many = {"id": "m", "question": "who", "passages": [], "gold": [0], "answers": [], "is_impossible": False}
    good = lines_of([READ] if fault == "one class" else [READ, OTHER])
    files = {"squad_dev": lines_of([{**READ, "context": "held"}]), "squad_train": lines}
    files |= dict.fromkeys(("qa_extractive_train", "qa_unanswerable_derived", "rc_extra_train"), good)
    for name, found in (files | {"qa_multi_passage_train": lines_of([many])}).items():
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wb") as out:
            out.write(b"\n".join(found))
    with pytest.raises(UsageError, match=said) as refused:
        module.train_reader(ReaderRecipe(name="r", base=tmp_path, out=tmp_path / "run"), lambda _: None)
    assert cure in refused.value.cure


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "has no rows"), (b'{"label": "\xff"}', "line 1 is not UTF-8"), (b'{"response": "x"}', "no column 'source'")],
)
def test_bad_rows_end_the_grounding_checker_with_their_line(content: bytes, said: str, tmp_path: Path) -> None:
    from training.grounding.data import load_claims

    (tmp_path / "claims.jsonl.gz").write_bytes(gzip.compress(content))
    with pytest.raises(UsageError, match=said) as refused:
        load_claims(tmp_path, {"claims": 1}, 0)
    assert refused.value.cure


def test_bad_pairs_end_the_grounding_encoder_with_their_line(tmp_path: Path) -> None:
    from training.grounding.encoder_data import load_pairs

    (tmp_path / "nli_train.jsonl.gz").write_bytes(gzip.compress(b'{"premise": "It rains.", "label": "entailment"}'))
    with pytest.raises(UsageError, match="line 1 has no column 'hypothesis'") as refused:
        load_pairs(tmp_path)
    assert refused.value.cure


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "has no rows"), (b'{"id": "\xff"}', "line 1 is not UTF-8"), (b'{"id": 1}', "line 1 is no outcome")],
)
def test_bad_rows_end_the_router_with_their_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as refused:
        train(load_recipe("router", {"outcomes": [str(path)], "out": str(tmp_path / "run")}))
    assert refused.value.cure


def test_four_bits_without_a_gpu_are_refused_with_what_fits(tmp_path: Path, tiny: Path) -> None:
    lines = lines_of([answer(*signal) for signal in signals(12)])
    with pytest.raises(ModelError, match="QLoRA needs an NVIDIA GPU") as refused:
        attempt("sft", tmp_path, lines, tiny, adapter="qlora")
    assert "adapter=lora" in refused.value.cure


def test_every_stage_is_tried() -> None:
    assert {*STAGED, "tokenizer", "pretrain", "distil", "reader", "grounding", "router"} | {"grounding-encoder"} == {
        *STAGES
    }
