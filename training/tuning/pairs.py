"""Rows of preference: which of two answers people preferred, or whether they liked one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.tuning.measure import Encoded
from training.tuning.rows import Row, Shape, Values, shape_of
from training.tuning.texts import Message, answer_wrong, asked, encode, prompt_wrong, said


def _pair_wrong(values: Values) -> str:
    wrong = prompt_wrong(values) or answer_wrong(values, "chosen", "rejected")
    if not wrong and said(values["chosen"]).strip() == said(values["rejected"]).strip():
        return "'chosen' and 'rejected' are the same"
    return wrong


def _vote_wrong(values: Values) -> str:
    wrong = prompt_wrong(values) or answer_wrong(values, "completion")
    return wrong or ("" if isinstance(values["label"], bool) else "'label' is not true or false")


PREFERENCE = Shape(
    "preference",
    ("prompt", "chosen", "rejected"),
    _pair_wrong,
    '{"prompt": "…", "chosen": "…", "rejected": "…"}',
)
VOTE = Shape(
    "vote", ("prompt", "completion", "label"), _vote_wrong, '{"prompt": "…", "completion": "…", "label": true}'
)


def messages_of(row: Row, system: str = "") -> list[Message]:
    """The messages before the answer: a prompt is one message of the user, or a list of them."""
    before = asked(row.values["prompt"])
    if system and before[0]["role"] != "system":
        before.insert(0, {"role": "system", "content": system})
    return before


def encoded(row: Row, column: str, tokenizer: Any, system: str) -> Encoded:
    """A prompt and the answer in `column` as ids."""
    return encode(messages_of(row, system), said(row.values[column]), tokenizer, system)


def for_trl(rows: Sequence[Row], tokenizer: Any, system: str) -> list[dict[str, Any]]:
    """Rows as TRL reads them: messages where the model has a chat template, else plain text."""
    return [_for_trl(row, bool(tokenizer.chat_template), system) for row in rows]


def unpaired(rows: Sequence[Row]) -> list[Row]:
    """Pairs as two votes each; votes as they are."""
    found: list[Row] = []
    for row in rows:
        if shape_of(row, (PREFERENCE, VOTE)) is VOTE:
            found.append(row)
            continue
        prompt = row.values["prompt"]
        for column, label in (("chosen", True), ("rejected", False)):
            values = {"prompt": prompt, "completion": row.values[column], "label": label}
            found.append(Row(row.path, row.number, values))
    return found


def prompt_of(values: Values) -> str:
    """What rows of one prompt share."""
    return str(values.get("document") or values["prompt"])


def _for_trl(row: Row, chat: bool, system: str) -> dict[str, Any]:
    before = messages_of(row, system)
    made: dict[str, Any] = {"prompt": before if chat else "".join(m["content"] + "\n" for m in before)}
    for column in ("chosen", "rejected", "completion"):
        if column in row.values:
            text = said(row.values[column])
            made[column] = [{"role": "assistant", "content": text}] if chat else text
    if "label" in row.values:
        made["label"] = row.values["label"]
    return made
