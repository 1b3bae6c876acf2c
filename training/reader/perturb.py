"""Answerable questions changed so that their passage no longer answers them.

The changes are those people make in SQuAD 2.0: another number or name, a negation, an opposite. A few per cent of
the results are still answerable; they are drawn sparingly and never stand in a development set.
"""

from __future__ import annotations

import random
import re

from training.opposites import OPPOSITES
from training.reader.data import Row

_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*")
_NEGATABLE = re.compile(r"\b(did|does|do|was|were|is|are|can|could|has|have|had|would|will|should)\b")


def perturb(row: Row, draw: random.Random) -> Row | None:
    """`row` as an impossible question; None where no change applies."""
    changes = [_swap_number, _swap_name, _swap_opposite, _negate]
    draw.shuffle(changes)
    for change in changes:
        question = change(row, draw)
        if question and question != row.question:
            return Row(question, row.context, 0, 0, "perturbed", row.title)
    return None


def _swap_number(row: Row, draw: random.Random) -> str | None:
    asked = list(_NUMBER.finditer(row.question))
    if not asked:
        return None
    old = draw.choice(asked)
    others = [n for n in _NUMBER.findall(row.context) if n != old[0] and len(n) == len(old[0]) and n not in row.answers]
    digits = [draw.choice("123456789") if c.isdigit() and i else c for i, c in enumerate(old[0])]
    new = draw.choice(others) if others and draw.random() < 0.6 else "".join(digits)
    return row.question[: old.start()] + new + row.question[old.end() :]


def _swap_name(row: Row, draw: random.Random) -> str | None:
    asked = [found for found in _NAME.finditer(row.question) if found[0] in row.context]
    if not asked:
        return None
    old = draw.choice(asked)
    words = len(old[0].split())
    written: list[str] = _NAME.findall(row.context)
    others = {n for n in written if len(n.split()) == words and n not in row.question}
    others = {name for name in others if not any(name in answer or answer in name for answer in row.answers)}
    if not others:
        return None
    return row.question[: old.start()] + draw.choice(sorted(others)) + row.question[old.end() :]


def _swap_opposite(row: Row, draw: random.Random) -> str | None:
    words = re.split(r"(\W+)", row.question)
    spots = [index for index, word in enumerate(words) if word in OPPOSITES]
    if not spots:
        return None
    spot = draw.choice(spots)
    words[spot] = OPPOSITES[words[spot]]
    return "".join(words)


def _negate(row: Row, draw: random.Random) -> str | None:
    found = _NEGATABLE.search(row.question)
    if not found or "not" in row.question or "n't" in row.question or draw.random() < 0.5:
        return None
    word = found[0]
    form = {"can": "can't", "will": "won't"}.get(word, word + draw.choice(["n't", " not", " never"]))
    return row.question[: found.start()] + form + row.question[found.end() :]
