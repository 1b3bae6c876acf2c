"""Text recognition for scanned pages, by RapidOCR where the extra `ocr` is installed."""

from __future__ import annotations

import contextlib
from functools import cache
from importlib.util import find_spec
from typing import Any

CURE = (
    "Install the extra `ocr` (`pip install 'crossroads-assistant[ocr]'`), which reads scans, and load it again; "
    "or run `ocrmypdf in.pdf out.pdf` on it and load the result."
)
_DOTS = 150
"""Dots an inch: RapidOCR reads print of ten points at this size."""
_MOST_PIXELS = 3_000
"""On the longer side: a page may claim to be as large as a house."""
MOST_PIXELS = 60_000_000
"""A page scanned at 800 dots an inch; larger pictures are bombs, and are not unpacked."""
_SURE = 0.5


def available() -> bool:
    """Whether text can be recognized here."""
    return find_spec("rapidocr_onnxruntime") is not None


def read_page(page: Any) -> str:
    """The text on a pdfium page's picture, a line for each line. Takes about a second a page."""
    import numpy as np

    scale = min(_DOTS / 72, _MOST_PIXELS / max(page.get_width(), page.get_height(), 1))
    picture = page.render(scale=scale).to_pil().convert("RGB")
    found, _ = _engine()(np.asarray(picture))
    lines = [(box, str(text)) for box, text, sure in found or [] if float(sure) >= _SURE]
    return "\n".join(_in_lines(lines))


@cache
def _engine() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    with contextlib.redirect_stdout(None):
        return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def _in_lines(found: list[tuple[Any, str]]) -> list[str]:
    """Words whose boxes stand at one height belong to one line, from left to right."""
    lines: list[tuple[float, float, list[tuple[float, str]]]] = []
    for box, text in sorted(found, key=lambda item: min(point[1] for point in item[0])):
        top, bottom = min(point[1] for point in box), max(point[1] for point in box)
        middle, left = (top + bottom) / 2, min(point[0] for point in box)
        if lines and lines[-1][0] <= middle <= lines[-1][1]:
            lines[-1][2].append((left, text))
        else:
            lines.append((top, bottom, [(left, text)]))
    return [" ".join(text for _, text in sorted(words)) for _, _, words in lines]
