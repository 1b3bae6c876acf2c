"""Passages on the screen: citation chips, the evidence panel, the nearest passages of an answer that found nothing."""

from __future__ import annotations

import re

from assistant.ui.words import document_address, file_name, place
from assistant.ui.words import text as safe
from graphs.answer import Answer, Citation, Passage


def inline_chip(citation: Citation) -> str:
    """The marker inside the text: a link that works without scripts and opens the panel with them."""
    return (
        f'<a class="marker" href="{_address(citation)}" data-cite="{safe(citation.marker)}" target="_blank" '
        f'title="{safe(place(citation))}" aria-label="Source {safe(citation.marker)}: {safe(place(citation))}">'
        f"{safe(citation.marker)}</a>"
    )


def chips(answer: Answer) -> str:
    """The row of sources under an answer."""
    if not answer.citations:
        return ""
    items = "".join(
        f'<a class="chip" href="{_address(citation)}" data-cite="{safe(citation.marker)}" target="_blank">'
        f"<b>{safe(citation.marker)}</b> <bdi>{safe(place(citation))}</bdi></a>"
        for citation in answer.citations
    )
    return f'<div class="chips" role="group" aria-label="Sources">{items}</div>'


def panels(answer: Answer) -> str:
    """One hidden template for each citation and each passage looked at; the script shows it in the panel."""
    passages = {item.passage.chunk_id: item.passage for item in answer.evidence}
    cited = "".join(
        _template(citation.marker, _cited(citation, passages.get(citation.chunk_id))) for citation in answer.citations
    )
    seen = "".join(_template(f"e{index}", _looked_at(item.passage)) for index, item in enumerate(answer.evidence))
    return cited + seen


def spread(answer: Answer, most: int = 5) -> str:
    """Every cited passage, its span marked, one below the other; where nothing is cited, what was looked at."""
    passages = {item.passage.chunk_id: item.passage for item in answer.evidence}
    shown = [_cited(citation, passages.get(citation.chunk_id)) for citation in answer.citations]
    shown = shown or [_looked_at(item.passage) for item in answer.evidence[:most]]
    return "".join(f'<section class="evidence-item">{html}</section>' for html in shown)


def nearest(answer: Answer, most: int = 3) -> str:
    """The passages an answer that found nothing came closest to."""
    if not answer.evidence:
        return ""
    best = sorted(enumerate(answer.evidence), key=lambda pair: -pair[1].passage.similarity)[:most]
    items = "".join(
        f'<li><a href="{_passage_address(item.passage)}" data-cite="e{index}" target="_blank">'
        f"<b><bdi>{safe(place(item.passage))}</bdi></b></a> "
        f'<span dir="auto">{safe(_shorten(item.passage.text))}</span></li>'
        for index, item in best
    )
    return f'<div class="nearest"><h4>The nearest passages</h4><ul>{items}</ul></div>'


def _template(name: str, html: str) -> str:
    return f'<template data-evidence="{safe(name)}">{html}</template>'


def _cited(citation: Citation, passage: Passage | None) -> str:
    if passage is None or not passage.start <= citation.start <= citation.end <= passage.end:
        body, heading = f"<mark>{safe(citation.snippet)}</mark>", ""
    else:
        start, end = citation.start - passage.start, citation.end - passage.start
        body = f"{safe(passage.text[:start])}<mark>{safe(passage.text[start:end])}</mark>{safe(passage.text[end:])}"
        heading = passage.heading
    return _panel(citation, heading, body, _address(citation), f"{safe(citation.marker)} ")


def _looked_at(passage: Passage) -> str:
    return _panel(passage, passage.heading, safe(passage.text), _passage_address(passage))


def _panel(item: Citation | Passage, heading: str, body: str, address: str, marker: str = "") -> str:
    known = item.title == file_name(item.source) or heading.startswith(item.title)
    title = "" if known else item.title
    under = " › ".join(dict.fromkeys(part for part in (title, heading) if part))
    return (
        f'<h3>{marker}<bdi>{safe(place(item))}</bdi></h3><p class="heading" dir="auto">{safe(under)}</p>'
        f'<blockquote class="passage" dir="auto">{body}</blockquote>'
        f'<p><a class="button" href="{address}" target="_blank">Open the document</a></p>'
    )


def _address(citation: Citation) -> str:
    return safe(document_address(citation.document_id, citation.start, citation.end))


def _passage_address(passage: Passage) -> str:
    return safe(document_address(passage.document_id, passage.start, passage.end))


def _shorten(text: str, most: int = 180) -> str:
    flat = " ".join(re.sub(r"^#{1,6}\s+", "", text, flags=re.MULTILINE).split())
    return flat if len(flat) <= most else flat[: most - 1].rsplit(" ", 1)[0] + " …"
