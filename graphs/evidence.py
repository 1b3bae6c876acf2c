"""Which passages answer the question, what to quote from them, and which of them a sentence rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphs.answer import Citation, Evidence, Grounding, Passage, SentenceSupport
from graphs.context import Reading
from graphs.reading import adjoin, prose_spans, windows
from graphs.words import content_words, sentence_spans, words

ANSWERABLE_BAR = (0.10, 0.90)
"""What `refuse` = 0 and `refuse` = 1 ask of a passage; in between by straight line."""


_SHORT_ANSWER = 12
"""Words of the longest answer that is given as the reader found it."""


def bar(bounds: tuple[float, float], refuse: float) -> float:
    """The bar at this setting of the dial from "rather answer" (0) to "rather refuse" (1)."""
    low, high = bounds
    return low + (high - low) * refuse


def weigh(passages: Sequence[Passage], readings: Sequence[Reading], refuse: float, most: int) -> list[Evidence]:
    """Keep the passages that answer, at most `most`, the likeliest; say of each why."""
    least = bar(ANSWERABLE_BAR, refuse)
    order = sorted(range(len(passages)), key=lambda index: -readings[index].answerable)
    kept = {index for index in order[:most] if readings[index].answerable >= least}
    return [
        Evidence(passage=passage, kept=index in kept, why=_why(readings[index].answerable, least, index in kept))
        for index, passage in enumerate(passages)
    ]


def _why(answerable: float, least: float, kept: bool) -> str:
    if kept:
        return f"answers the question ({answerable:.0%})"
    if answerable == 0.0:
        return "not read, others answer already, or nothing in it to read"
    if answerable < least:
        return f"does not seem to answer it ({answerable:.0%}, {least:.0%} needed)"
    return f"others answer it better ({answerable:.0%})"


def widen(text: str, start: int, end: int, most: int = 400) -> tuple[int, int]:
    """The whole sentences a span lies in and, while there is room, those that follow in the same paragraph."""
    spans = prose_spans(text)
    touched = [number for number, span in enumerate(spans) if span[0] < max(end, start + 1) and span[1] > start]
    if not touched:
        return start, end
    first, last = touched[0], touched[-1]
    low, high = spans[first][0], spans[last][1]
    if high - low > most and high - low > end - start:
        return start, max(end, start + 1)
    for span in spans[last + 1 :]:
        if span[1] - low > most or not adjoin(text, (low, high), span):
            break
        high = span[1]
    return low, high


def line_spans(text: str) -> list[tuple[int, int]]:
    """The lines that hold something: in a table each is a row, and says what its values are."""
    spans, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def whole_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """The lines a span lies in."""
    touched = [span for span in line_spans(text) if span[0] < max(end, start + 1) and span[1] > start]
    return (touched[0][0], touched[-1][1]) if touched else (start, end)


def complete(text: str, passages: Sequence[Passage]) -> str:
    """A draft with the sentences made whole that are the evidence's with their beginning or their end cut off.

    Small models copy, often begin in the middle and sometimes stop in it. A sentence that leaves out the rest of its
    source but is one by itself stays as it is.
    """
    sources = [passage.text[a:b] for passage in passages for a, b in prose_spans(passage.text)]
    whole = {" ".join(words(source)): source for source in sources}
    pieces = [text[start:end] for start, end in sentence_spans(text)]
    mended = [_whole_sentence(piece, whole) for piece in pieces]
    return text if mended == pieces else " ".join(dict.fromkeys(mended))


def _whole_sentence(piece: str, whole: Mapping[str, str]) -> str:
    said = " ".join(words(piece))
    if len(said.split()) < 4 or said in whole:
        return piece
    finished = piece.rstrip().endswith((".", "!", "?"))
    for key, source in whole.items():
        if f" {said} " in f" {key} " and not (finished and key.startswith(said)):
            return " ".join(source.split())
    return piece


def answers(draft: str, reading: Reading) -> bool:
    """Whether a draft says what the reader found: half of the words of the span at least."""
    found = content_words(reading.text) or set(words(reading.text))
    said = content_words(draft) | set(words(draft))
    return not found or len(found & said) >= 0.5 * len(found)


def cite(text: str, grounding: Grounding, passages: Sequence[Passage]) -> tuple[str, list[Citation], Grounding]:
    """Put a marker behind every supported sentence: one marker a chunk, numbered as they appear.

    Returns the text with markers, the citations and the grounding with its sentences moved along.
    """
    order: list[int] = []
    spans: dict[int, tuple[int, int]] = {}
    moved: list[SentenceSupport] = []
    marked, position = "", 0
    for sentence in grounding.sentences:
        marked += text[position : sentence.start]
        position = sentence.end
        start, written = len(marked), sentence.text
        source = support_for(written, passages) if sentence.supported else None
        if source is not None:
            index, span = source
            spans[index] = _union(spans.get(index), span)
            if index not in order:
                order.append(index)
            written = _mark(written, order.index(index) + 1)
        marked += written
        moved.append(sentence.model_copy(update={"text": written, "start": start, "end": len(marked)}))
    marked += text[position:]
    citations = [_citation(number, passages[index], spans[index]) for number, index in enumerate(order, 1)]
    return marked, citations, grounding.model_copy(update={"sentences": moved})


def _mark(sentence: str, number: int) -> str:
    """The marker stands before the full stop, as in print: `24 months [1].`"""
    body = sentence.rstrip(".!?…:;")
    return f"{body} [{number}]{sentence[len(body) :]}"


def support_for(sentence: str, passages: Sequence[Passage]) -> tuple[int, tuple[int, int]] | None:
    """The passage, and the span of whole sentences in it, that carries most of a sentence's words."""
    wanted = content_words(sentence)
    best: tuple[float, int, tuple[int, int]] | None = None
    for index, passage in enumerate(passages):
        for span in windows(passage.text) if passage.line is None else line_spans(passage.text):
            have = content_words(passage.text[span[0] : span[1]])
            share = len(wanted & have) / len(wanted) if wanted else 0.0
            score = share - 0.0004 * (span[1] - span[0])  # of two spans that say it, the shorter one
            if share > 0 and (best is None or score > best[0]):
                best = (score, index, span)
    return (best[1], best[2]) if best else None


def _union(first: tuple[int, int] | None, second: tuple[int, int], most: int = 600) -> tuple[int, int]:
    if first is None:
        return second
    low, high = min(first[0], second[0]), max(first[1], second[1])
    return (low, high) if high - low <= most else first


def is_short(reading: Reading) -> bool:
    """Whether what a reader found is an answer by itself: a name, a number, a few words."""
    return 0 < len(words(reading.text)) <= _SHORT_ANSWER


def quote(passage: Passage, start: int, end: int, *, exact: bool = False) -> tuple[str, Citation]:
    """A quotation of a passage's sentences around a span, or with `exact` of the span alone, and its citation."""
    whole = widen if passage.line is None else whole_lines
    low, high = (start, end) if exact else whole(passage.text, start, end)
    citation = _citation(1, passage, (low, high))
    said = " ".join(citation.snippet.split())
    return (f"{said} [1]" if exact else f"“{said}” [1]"), citation


def _citation(number: int, passage: Passage, span: tuple[int, int]) -> Citation:
    low, high = span
    return Citation(
        marker=f"[{number}]",
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        source=passage.source,
        title=passage.title,
        page=passage.page,
        start=passage.start + low,
        end=passage.start + high,
        snippet=passage.text[low:high],
        score=passage.score,
        place=passage.place(low, high),
    )
