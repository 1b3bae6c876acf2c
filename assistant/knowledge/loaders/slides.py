"""PPTX: every slide a page with its title, its text, its tables and its notes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.archive import open_archive
from assistant.knowledge.loaders.parts import headings, join_pages, office_facts
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_FORMAT = BY_NAME["pptx"]


def load(data: bytes, name: str) -> Loaded:
    """Slides in their order, shapes from top to bottom."""
    import pptx

    open_archive(data, name, _FORMAT.called)
    try:
        show = pptx.Presentation(io.BytesIO(data))
        text, pages = join_pages(("", _slide(slide, number)) for number, slide in enumerate(show.slides, 1))
    except (KeyError, ValueError, AttributeError, TypeError, zipfile.BadZipFile, OSError) as error:
        cure = "Open it in PowerPoint or LibreOffice and save it again."
        raise DocumentError(f"{name!r} is a damaged PowerPoint presentation: {error}.", cure) from None
    known = {**office_facts(show.core_properties), "headings": headings(text)}
    title = (show.core_properties.title or "").strip()
    if title == "PowerPoint Presentation":  # what PowerPoint writes where nobody gave a title
        title = ""
    return Loaded(text, title or PurePath(name).name, _FORMAT.media_type, pages, known)


def _slide(slide: Any, number: int) -> str:
    title = slide.shapes.title
    words = " ".join(title.text_frame.text.split()) if title is not None else ""
    parts = [f"# {words or f'Slide {number}'}"]
    shapes = sorted(_flat(slide.shapes), key=lambda shape: (shape.top or 0, shape.left or 0))
    for shape in shapes:
        if title is None or shape.shape_id != title.shape_id:
            parts += _shape(shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        parts += [f"Notes: {notes}"] if notes else []
    return "\n\n".join(parts)


def _flat(shapes: Any) -> Iterator[Any]:
    """The shapes, those inside groups too."""
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop(0)
        if hasattr(shape, "shapes"):
            waiting = [*shape.shapes, *waiting]
        else:
            yield shape


def _shape(shape: Any) -> Iterator[str]:
    if getattr(shape, "has_table", False):
        yield "\n".join(
            "| " + " | ".join(" ".join(cell.text.split()) for cell in row.cells) + " |" for row in shape.table.rows
        )
    elif getattr(shape, "has_chart", False):
        chart = shape.chart
        if chart.has_title:
            yield f"Chart: {' '.join(chart.chart_title.text_frame.text.split())}"
    elif shape.has_text_frame:
        lines = [_paragraph(paragraph) for paragraph in shape.text_frame.paragraphs if paragraph.text.strip()]
        if lines:
            yield "\n".join(lines) if len(lines) > 1 else lines[0].removeprefix("- ")


def _paragraph(paragraph: Any) -> str:
    return f"{'  ' * paragraph.level}- {' '.join(paragraph.text.split())}"
