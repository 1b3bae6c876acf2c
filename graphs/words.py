"""Plain measures on words and sentences, shared by routing, quoting and citing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_ABBREVIATIONS = frozenset(
    "e.g i.e etc vs cf al mr mrs ms dr prof st no fig eq sec vol p pp approx inc ltd u.s".split()
)
_BREAK = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\Wa-z_])|\s*\n\s*|(?<=[。！？])")
_BLANK = re.compile(r"\n[^\S\n]*\n")
_MARKUP = re.compile(r"[-*+•>|#]|```|\d{1,3}[.)]\s")
_SHORT_LINE = 45
_REMEMBERED = 4_000
"""Characters of the longest text whose words are remembered."""

STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being between both but by can could did do
    does doing down during each few for from further had has have having he her here hers him his how i if in into is it
    its itself just let me might more most must my no nor not now of off on once only or other our ours out over own per
    please same shall she should so some such than that the their theirs them then there these they this those through
    to too under until up us use used using very was we were what when where which while who whom whose why will with
    would you your yours tell know give say get got much many one""".split()
)


def words(text: str) -> list[str]:
    """Lower-cased words and numbers, in order."""
    return [match.group().lower() for match in _WORD.finditer(text)]


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A word without its commonest English endings: enough to match `tunes` with `tuning`, no more."""
    for ending in ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def content_words(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    return _content_words(text) if len(text) <= _REMEMBERED else _content_words.__wrapped__(text)


@lru_cache(maxsize=2_048)  # a turn asks for those of the same passages and sentences again and again
def _content_words(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text) if word not in STOP_WORDS)


def coverage(text: str, others: Iterable[str]) -> float:
    """Share in 0–1 of the content words of `text` that occur in `others`; 0 where it has none."""
    wanted = content_words(text)
    if not wanted:
        return 0.0
    have: set[str] = set()
    for other in others:
        have |= content_words(other)
    return len(wanted & have) / len(wanted)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans of sentences, without surrounding white space.

    Blank lines, list items and headings end sentences too; a line break that only wraps a line does not.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BREAK.finditer(text):
        gap, before = match.group(), text[start : match.start()]
        wraps = "\n" in gap and not before.rstrip().endswith((".", "!", "?", "…", ":"))
        if wraps and not _ends_block(text, match.start(), match.end(), gap):
            continue
        if "\n" not in gap and _ends_in_abbreviation(before):
            continue
        _append_trimmed(spans, text, start, match.start() if gap.isspace() else match.end())
        start = match.end()
    _append_trimmed(spans, text, start, len(text))
    return spans


def first_repeat(text: str) -> int | None:
    """Where a text begins to loop; None where it does not.

    That is where a finished sentence begins that was said before, word for word, or the second of three equal phrases
    in a row at the end. Small models fall into such loops; nothing that follows is worth reading.
    """
    said: set[str] = set()
    for start, end in sentence_spans(text):
        sentence = " ".join(words(text[start:end]))
        if sentence in said and (end < len(text) or text[end - 1] in ".!?…"):
            return start
        said.add(sentence)
    return _phrase_loop(text)


def _phrase_loop(text: str) -> int | None:
    found = list(_WORD.finditer(text))[-60:]
    tokens = [match.group().lower() for match in found]
    for length in range(3, len(tokens) // 3 + 1):
        if tokens[-length:] == tokens[-2 * length : -length] == tokens[-3 * length : -2 * length]:
            return found[-2 * length].start()
    return None


def _ends_block(text: str, start: int, end: int, gap: str) -> bool:
    """Whether a line break ends a paragraph, a list item or a heading rather than wrapping a line."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    following = text[end : end + 1]
    heading = len(line) <= _SHORT_LINE and (following.isupper() or following.isdigit())
    return bool(_BLANK.search(gap)) or bool(_MARKUP.match(text, end)) or heading or _MARKUP.match(line) is not None


def _ends_in_abbreviation(text: str) -> bool:
    last = text.rsplit(maxsplit=1)[-1].lstrip("(“\"'").lower() if text.strip() else ""
    return last.endswith(".") and last.rstrip(".") in _ABBREVIATIONS


def _append_trimmed(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))
