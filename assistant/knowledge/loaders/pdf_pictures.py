"""A page of a PDF as a picture with a span of its text marked.

The stored text of a page is pdfium's own, so an offset into it is pdfium's character index on that page. A page may
claim any size and draw anything: the picture is bounded, and `worker` calls this in its own process, never the service.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.knowledge.loaders.pdf import page_text
from assistant.knowledge.loaders.pdf_columns import in_columns
from assistant.knowledge.types import Page
from graphs.errors import DocumentError

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in the page's points, counted from its lower left corner."""

SCALE = 1.6
"""Pixels for a point: 115 dots per inch, sharp enough to read."""
_MOST_PIXELS = 2500
"""Of each side: a poster is drawn coarser, so that its picture costs a second and not many."""
_MARK = (255, 214, 70)


def draw(path: Path, page: Page, start: int, end: int, columns: bool = False) -> bytes:
    """The page as PNG; the part of the span from `start` to `end` (document offsets) that lies on it is marked.

    `columns` says that the stored text is in the order of the page's columns (`pdf_columns`).
    Raises `DocumentError` where pdfium cannot open the file or draw the page.
    """
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as pdf:
            sheet = pdf[page.number - 1]
            bitmap = sheet.render(scale=_scale(sheet, SCALE, _MOST_PIXELS))
            boxes = _boxes(sheet, max(start, page.start) - page.start, min(end, page.end) - page.start, columns)
            image = _mark(bitmap.to_pil().convert("RGB"), [_to_pixels(bitmap, sheet, box) for box in boxes])
    except (pypdfium2.PdfiumError, IndexError, OSError) as error:
        raise DocumentError(f"Page {page.number!r} cannot be drawn: {error}.", "Read its text below.") from None
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=False)
    return stream.getvalue()


def marked_at(path: Path, page: Page, start: int, end: int, columns: bool = False) -> float:
    """How far down the page the span begins, from 0 at the top to 1; 0 where that cannot be told."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as pdf:
            sheet = pdf[page.number - 1]
            boxes = _boxes(sheet, max(start, page.start) - page.start, min(end, page.end) - page.start, columns)
            bitmap = sheet.render(scale=_scale(sheet, 0.1, 200))  # knows how the page is turned and cropped
            return max(0.0, _to_pixels(bitmap, sheet, boxes[0])[1] / bitmap.height) if boxes else 0.0
    except (pypdfium2.PdfiumError, IndexError, OSError):
        return 0.0


def _scale(sheet: Any, wanted: float, most: int) -> float:
    """The wanted pixels for a point, or fewer, so that no side has more than `most`."""
    return float(min(wanted, most / max(sheet.get_width(), sheet.get_height(), 1)))


def _boxes(sheet: Any, start: int, end: int, columns: bool) -> list[Box]:
    """One box for each line of the span."""
    text_page = sheet.get_textpage()
    order = in_columns(text_page, page_text(text_page)) if columns else None
    lines: list[Box] = []
    for index in (order or range(text_page.count_chars()))[start:end]:
        box = text_page.get_charbox(index)
        if box[2] <= box[0] or box[3] <= box[1]:
            continue  # spaces and line ends take no room
        if lines and _same_line(lines[-1], box):
            last = lines[-1]
            lines[-1] = (min(last[0], box[0]), min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3]))
        else:
            lines.append(box)
    return lines


def _same_line(line: Box, box: Box) -> bool:
    overlap = min(line[3], box[3]) - max(line[1], box[1])
    return overlap > 0.3 * min(line[3] - line[1], box[3] - box[1]) and box[0] >= line[0] - 1


def _to_pixels(bitmap: Any, sheet: Any, box: Box) -> Box:
    """The box in the picture's pixels, turned as the page is."""
    converter = bitmap.get_posconv(sheet)
    (x1, y1), (x2, y2) = converter.to_bitmap(box[0], box[1]), converter.to_bitmap(box[2], box[3])
    return min(x1, x2) - 2, min(y1, y2) - 2, max(x1, x2) + 2, max(y1, y2) + 2


def _mark(image: Image, boxes: list[Box]) -> Image:
    """Multiply, as a felt pen does: paper turns yellow, ink stays black."""
    from PIL import Image as Images
    from PIL import ImageChops, ImageDraw

    pen = Images.new("RGB", image.size, (255, 255, 255))
    drawing = ImageDraw.Draw(pen)
    for box in boxes:
        drawing.rectangle(box, fill=_MARK)
    return ImageChops.multiply(image, pen)
