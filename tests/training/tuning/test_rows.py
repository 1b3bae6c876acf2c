"""Bad rows end a run before any model is loaded, with row number and cure."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import UsageError
from tests.training.tiny import write_rows
from training.tuning.pairs import PREFERENCE, VOTE, unpaired
from training.tuning.rows import Row, divide, read, refuse_leaks, refuse_lengths
from training.tuning.texts import SFT_SHAPES, grounded_prompt, turns

GOOD: dict[str, Any] = {"prompt": "Why?", "completion": "Because."}


def test_plain_and_packed_files_read_alike(tmp_path: Path) -> None:
    plain = write_rows(tmp_path / "a.jsonl", [GOOD, GOOD])
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [row.values for row in read([plain], SFT_SHAPES)] == [row.values for row in read([packed], SFT_SHAPES)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{not json", "line 2 is not JSON"),
        (b'{"prompt": "\xff", "completion": "x"}', "line 2 is not UTF-8.*byte 12"),
        (b"[1]", "line 2 is not a JSON object"),
        (b'{"promt": "x", "completion": "y"}', "line 2: these columns fit nothing: completion, promt"),
        (b'{"prompt": "x", "completion": "  "}', "line 2: 'completion' is empty"),
        (b'{"prompt": "x", "completion": 3}', "line 2: 'completion' is int"),
        (b'{"messages": [{"role": "user", "content": "x"}]}', "line 2: the last message is not the assistant's"),
        (b'{"messages": [{"role": "cook", "content": "x"}]}', "line 2: message 1 has the role 'cook'"),
        (b'{"question": "x", "passages": "y", "answer": "z"}', "line 2: 'passages' is no list"),
    ],
)
def test_a_bad_row_is_named_with_its_line(line: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"prompt": "Why?", "completion": "So."}\n' + line + b"\n")
    with pytest.raises(UsageError, match=said):
        read([path], SFT_SHAPES)


def test_no_rows_and_rows_of_two_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no rows"):
        read([write_rows(tmp_path / "empty.jsonl", [])], SFT_SHAPES)
    with pytest.raises(UsageError, match="different kinds: prompt and completion, text"):
        read([write_rows(tmp_path / "both.jsonl", [GOOD, {"text": "x"}])], SFT_SHAPES)
    with pytest.raises(UsageError, match="cannot be read"):
        read([tmp_path / "nowhere.jsonl"], SFT_SHAPES)


def test_equal_answers_and_wrong_labels_are_refused(tmp_path: Path) -> None:
    same = write_rows(tmp_path / "same.jsonl", [{"prompt": "x", "chosen": "a", "rejected": "a "}])
    with pytest.raises(UsageError, match="line 1: 'chosen' and 'rejected' are the same"):
        read([same], (PREFERENCE,))
    label = write_rows(tmp_path / "label.jsonl", [{"prompt": "x", "completion": "a", "label": "yes"}])
    with pytest.raises(UsageError, match="'label' is not true or false"):
        read([label], (VOTE,))


def test_rows_of_one_document_stay_on_one_side(tmp_path: Path) -> None:
    rows = [Row(tmp_path, number, {"document": f"d{number // 4}"}) for number in range(40)]
    train, dev = divide(rows, 0.25, 1, lambda values: values["document"])
    assert len(train) + len(dev) == 40
    assert not {row.values["document"] for row in train} & {row.values["document"] for row in dev}
    assert dev == divide(rows, 0.25, 1, lambda values: values["document"])[1]
    with pytest.raises(UsageError, match="one document"):
        divide(rows[:4], 0.25, 1, lambda values: values["document"])


def test_a_row_of_the_judged_file_may_not_be_learnt(tmp_path: Path) -> None:
    learnt, judged = Row(tmp_path / "a", 7, {"q": "Who  is it?"}), Row(tmp_path / "b", 3, {"q": "who is it?"})
    with pytest.raises(UsageError, match=r"a, line 7 stands in the held-back rows.*b, line 3"):
        refuse_leaks([learnt], [judged], lambda values: values["q"])


def test_rows_too_long_or_with_nothing_to_learn(tmp_path: Path) -> None:
    rows = [Row(tmp_path / "a", number, {}) for number in (1, 2)]
    with pytest.raises(UsageError, match=r"line 2 has 99 tokens; max_length is 64.*too_long=drop"):
        refuse_lengths(rows, [(10, 5), (99, 5)], 64, "refuse")
    assert refuse_lengths(rows, [(10, 5), (99, 5)], 64, "drop") == (rows[:1], 1)
    assert refuse_lengths(rows, [(10, 5), (99, 5)], 64, "cut") == (rows, 0)
    with pytest.raises(UsageError, match="line 1 has 1 tokens"):
        refuse_lengths(rows, [(1, 1), (9, 5)], 64, "drop")
    with pytest.raises(UsageError, match="None of 2 rows"):
        refuse_lengths(rows, [(99, 5), (99, 5)], 64, "drop")


def test_pairs_become_votes(tmp_path: Path) -> None:
    row = Row(tmp_path, 1, {"prompt": "x", "chosen": "a", "rejected": "b"})
    assert [(vote.values["completion"], vote.values["label"]) for vote in unpaired([row])] == [
        ("a", True),
        ("b", False),
    ]


def test_grounded_rows_are_asked_as_the_assistant_asks(tmp_path: Path) -> None:
    values = {"question": "How long?", "passages": ["Two years.", {"text": "Six months."}], "answer": "Two years [1]."}
    messages, answer = turns(Row(tmp_path, 1, values))
    assert messages == grounded_prompt("How long?", ["Two years.", "Six months."])
    assert messages[1]["content"] == "[1] Two years.\n\n[2] Six months.\n\nQuestion: How long?"
    assert answer == "Two years [1]."
