"""A page of a PDF as a picture with a span of its text marked.

The stored text of a page is pdfium's own, so an offset into it is pdfium's character index on that page.
"""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.knowledge.types import Page
from graphs.errors import DocumentError

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in the page's points, counted from its lower left corner."""

SCALE = 1.6
"""Pixels for a point: 115 dots per inch, sharp enough to read."""
_MOST_PIXELS = 4000
_MARK = (255, 214, 70)
_lock = threading.Lock()  # pdfium is not made for several threads


def draw(path: Path, page: Page, start: int, end: int) -> bytes:
    """The page as PNG; the part of the span from `start` to `end` (document offsets) that lies on it is marked.

    Raises `DocumentError` where pdfium cannot open the file or draw the page.
    """
    import pypdfium2

    try:
        with _lock, pypdfium2.PdfDocument(path) as pdf:
            sheet = pdf[page.number - 1]
            scale = min(SCALE, _MOST_PIXELS / max(sheet.get_width(), sheet.get_height(), 1))
            bitmap = sheet.render(scale=scale)
            boxes = _boxes(sheet, max(start, page.start) - page.start, min(end, page.end) - page.start)
            image = _mark(bitmap.to_pil().convert("RGB"), [_to_pixels(bitmap, sheet, box) for box in boxes])
    except (pypdfium2.PdfiumError, IndexError, OSError) as error:
        raise DocumentError(f"Page {page.number!r} cannot be drawn: {error}.", "Read its text below.") from None
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=False)
    return stream.getvalue()


def marked_at(path: Path, page: Page, start: int, end: int) -> float:
    """How far down the page the span begins, from 0 at the top to 1; 0 where that cannot be told."""
    import pypdfium2

    try:
        with _lock, pypdfium2.PdfDocument(path) as pdf:
            sheet = pdf[page.number - 1]
            boxes = _boxes(sheet, max(start, page.start) - page.start, min(end, page.end) - page.start)
            bitmap = sheet.render(scale=0.1)  # knows how the page is turned and cropped
            return max(0.0, _to_pixels(bitmap, sheet, boxes[0])[1] / bitmap.height) if boxes else 0.0
    except (pypdfium2.PdfiumError, IndexError, OSError):
        return 0.0


def _boxes(sheet: Any, start: int, end: int) -> list[Box]:
    """One box for each line of the span."""
    text_page = sheet.get_textpage()
    lines: list[Box] = []
    for index in range(start, min(end, text_page.count_chars())):
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
