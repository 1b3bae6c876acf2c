"""The rows of the grounded adapter, from public sets: cited answers, refusals, and instructions in passages ignored."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.sample import read_rows
from graphs.errors import UsageError
from training.tuning.texts import REFUSAL, passage_text

Row = dict[str, Any]
FILES = (
    "qa_extractive_train",
    "qa_abstractive_train",
    "qa_unanswerable_derived",
    "qa_multi_passage_train",
    "squad_train",
)
ATTACKS = "bipia_text_attacks.jsonl"
_LONGEST = 6000
"""Characters of all passages of a row; longer ones would not fit the sequence."""


def mix(
    folder: Path, seed: int = 13, attacked: float = 0.1, most: int = 0, asked: int = 1, several: int = 0
) -> Iterator[Row]:
    """Grounded rows of the sets in `folder`, shuffled; `most` of each file, `several` over several passages, 0 for all.

    Of the sets with one passage a row only passages with at least `asked` questions are taken: with `shared_prompts`
    more of them cost little. A share `attacked` of all passages has an instruction of somebody else's inside; the right
    answer stays the same. Raises `UsageError` where a set is missing.
    """
    draw = random.Random(seed)  # noqa: S311 - a mixture, no secret
    rows: list[Row] = []
    for name in FILES:
        path = folder / f"{name}.jsonl.gz"
        if not path.is_file():
            raise UsageError(f"The set {str(path)!r} is not there.", "Set CROSSROADS_DATA to the folder of the sets.")
        made = [one for _, row in read_rows(path) for one in _MAKERS[name](row, draw)]
        rows += draw.sample(made, most) if most and len(made) > most else made
    attacks = [str(row["attack"]) for _, row in read_rows(folder / ATTACKS)]
    questions = Counter(tuple(row["passages"]) for row in rows)
    draw.shuffle(rows)
    left = several or len(rows)
    for row in rows:
        left -= len(row["passages"]) > 1
        if len(row["passages"]) > 1 and left < 0:
            continue
        if len(row["passages"]) == 1 and questions[tuple(row["passages"])] < asked:
            continue
        if sum(len(passage) for passage in row["passages"]) <= _LONGEST:
            alike = random.Random(f"{seed} {row['passages']}")  # noqa: S311 - every question sees the same passages
            yield _attacked(row, alike.choice(attacks), alike) if alike.random() < attacked else row


def dev_rows(folder: Path) -> Iterator[Row]:
    """Rows to judge by: SQuAD 2.0 questions of articles that are not trained on."""
    draw = random.Random(0)  # noqa: S311
    for _, row in read_rows(folder / "squad_dev.jsonl.gz"):
        yield from _single(row, draw)


def write_mix(
    folder: Path, out: Path, seed: int = 13, most: int = 0, asked: int = 1, several: int = 0
) -> dict[str, int]:
    """Write `train.jsonl` and `dev.jsonl` into `out`; how many rows of each kind. The numbers are those of `mix`.

    Rows about an article that is judged by, or that ask what is asked there, are left out.
    """
    out.mkdir(parents=True, exist_ok=True)
    dev = list(dev_rows(folder))
    judged = {_plain(row["document"]) for row in dev} | {_plain(row["question"]) for row in dev}
    mixed = mix(folder, seed, most=most, asked=asked, several=several)
    train = [row for row in mixed if not judged & {_plain(row["document"]), _plain(row["question"])}]
    for name, rows in (("train", train), ("dev", dev)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (out / f"{name}.jsonl").write_text(text, encoding="utf-8")
    refused = sum(row["answer"] == REFUSAL for row in train)
    attacked = sum(bool(row.get("attacked")) for row in train)
    return {"train": len(train), "refusals": refused, "attacked": attacked, "dev": len(dev)}


def _single(row: Row, draw: random.Random) -> Iterator[Row]:
    """A question with its one passage; an impossible one is refused."""
    del draw
    yield _row(row, [row["context"]], f"{_answer(row)} [1]" if not row["is_impossible"] else REFUSAL)


def _alone(row: Row, draw: random.Random) -> Iterator[Row]:
    del draw
    if row.get("answers") and not row.get("is_impossible"):
        yield _row(row, [row["context"]], f"{_answer(row)} [1]")


def _several(row: Row, draw: random.Random) -> Iterator[Row]:
    """A question over several passages, and where that is honest the same one without its evidence."""
    texts = [passage_text(passage) for passage in row["passages"]]
    gold = list(row["gold"])
    others = [number for number in range(len(texts)) if number not in gold]
    shown = sorted(gold + draw.sample(others, min(len(others), draw.choice((1, 2, 4)))))
    draw.shuffle(shown)
    marks = "".join(f"[{shown.index(number) + 1}]" for number in gold)
    yield _row(row, [texts[number] for number in shown], f"{_answer(row)} {marks}")
    if not row["answer_in_distractors"] and not row["yes_no"] and others:
        bare = draw.sample(others, min(len(others), 4))
        yield _row(row, [texts[number] for number in bare], REFUSAL)


_MAKERS: dict[str, Callable[[Row, random.Random], Iterator[Row]]] = {
    "qa_extractive_train": _alone,
    "qa_abstractive_train": _alone,
    "qa_unanswerable_derived": _single,
    "squad_train": _single,
    "qa_multi_passage_train": _several,
}


def _attacked(row: Row, attack: str, draw: random.Random) -> Row:
    """The row with an instruction inside one of its passages."""
    passages = list(row["passages"])
    at = draw.randrange(len(passages))
    sentences = passages[at].split(". ")
    place = draw.randrange(len(sentences) + 1)
    passages[at] = ". ".join([*sentences[:place], attack.rstrip("."), *sentences[place:]])
    return {**row, "passages": passages, "attacked": True}


def _row(row: Row, passages: Sequence[str], answer: str) -> Row:
    document = str(row.get("title") or passages[0][:80])
    return {"document": document, "question": row["question"], "passages": list(passages), "answer": answer}


def _answer(row: Row) -> str:
    return " ".join(str(row["answers"][0]).split())


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("_", " ").split())
