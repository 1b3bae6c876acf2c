"""Makers of files that attack whoever reads them. Each is small, or made when it is asked for; none is kept."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable

from tests.assistant.knowledge.files import pdf, word
from tests.assistant.knowledge.office_files import book, open_document, presentation, workbook, zipped

MB = 2**20
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10))


def _bomb(good: bytes, member: str, megabytes: int = 64) -> bytes:
    """A document one part of which unpacks to `megabytes` of nothing."""
    return _with(good, {member: b" " * (megabytes * MB)})


def _with(good: bytes, members: dict[str, bytes]) -> bytes:
    """A document with some of its parts replaced or added."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in members:
                new.writestr(name, old.read(name))
        for name, data in members.items():
            new.writestr(name, data)
    return held.getvalue()


def _word() -> bytes:
    return word(heading="a", paragraph="b", table=[["c"]])


def _laughing_word() -> bytes:
    return _with(_word(), {"word/document.xml": f"<!DOCTYPE a [{_LAUGHS}]><a>&l9;</a>".encode()})


def _deep_word() -> bytes:
    return _with(_word(), {"word/document.xml": b"<a>" * 100_000 + b"</a>" * 100_000})


def _climbing_word() -> bytes:
    return _with(_word(), {"../../../../tmp/owned.xml": b"<a/>", "/etc/owned.xml": b"<a/>"})


def _sheet(cells: bytes) -> bytes:
    start = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return _with(workbook({"S": [["a"]]}), {"xl/worksheets/sheet1.xml": start + cells + b"</sheetData></worksheet>"})


def _million_cells() -> bytes:
    row = b"<row>" + b"<c><v>1</v></c>" * 1_000 + b"</row>"
    return _sheet(row * 1_000)


def _far_cell() -> bytes:
    return _sheet(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>' * 20)


def _many_parts() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
        for number in range(25_000):
            archive.writestr(str(number), b"")
    return held.getvalue()


def _raw_pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, the first one the catalogue."""
    body = b"%PDF-1.4\n"
    for number, content in enumerate(objects, 1):
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    return body + b"trailer << /Root 1 0 R /Size %d >>\n%%%%EOF\n" % (len(objects) + 1)


def _stream(content: bytes, extra: bytes = b"") -> bytes:
    packed = zlib.compress(content, 9)
    return b"<< /Length %d /Filter /FlateDecode %s >>\nstream\n" % (len(packed), extra) + packed + b"\nendstream"


def _page(content: bytes, box: bytes = b"0 0 600 800", resources: bytes = b"", *more: bytes) -> bytes:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 4 0 R /Resources << %s >> >>" % (box, resources)
    tree = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return _raw_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", tree, page, _stream(content), *more)


_FONT = b"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"


def _huge_page() -> bytes:
    return _page(b"BT /F 12 Tf 10 10 Td (x) Tj ET", b"0 0 1000000000 1000000000", b"")


def _endless_page() -> bytes:
    return _page(b"BT /F 12 Tf " + b"1 0 Td (words and words) Tj " * 4_000_000 + b"ET", resources=_FONT)


def _giant_picture() -> bytes:
    extra = b"/Type /XObject /Subtype /Image /Width 30000 /Height 30000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    picture = _stream(b"\0" * (64 * MB), extra)
    return _page(b"600 0 0 800 0 0 cm /I Do", b"0 0 600 800", b"/XObject << /I 5 0 R >>", picture)


def _looping_pages() -> bytes:
    tree = b"<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] /Count 1000000 >>"
    return _raw_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", tree)


def _png(width: int, height: int) -> bytes:
    import struct

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0" * MB)) + part(b"IEND", b"")


def _nested_mail(depth: int) -> bytes:
    head = b"From: a@example.org\r\nMIME-Version: 1.0\r\n"
    for number in range(depth):
        head += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number)
    return head + b"Content-Type: text/plain\r\n\r\nhello\r\n"


def _mail_of_many_parts() -> bytes:
    head = b"From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n"


def _hash_line() -> bytes:
    return b"# a" + b" #" * (5 * MB) + b"x\n"


HOSTILE: dict[str, Callable[[], bytes]] = {
    "bomb.docx": lambda: _bomb(_word(), "word/document.xml"),
    "bomb.xlsx": lambda: _bomb(workbook({"S": [["a"]]}), "xl/sharedStrings.xml"),
    "bomb.pptx": lambda: _bomb(presentation([("a", "b")]), "ppt/slides/slide1.xml"),
    "bomb.epub": lambda: _bomb(book(["<p>a</p>"]), "OEBPS/c0.xhtml"),
    "bomb.odt": lambda: _bomb(open_document("<text:p>a</text:p>"), "content.xml"),
    "lies-about-its-size.docx": lambda: _bomb(_word(), "word/document.xml", 60).replace(
        (60 * MB).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    ),
    "many-parts.docx": _many_parts,
    "climbs-out.docx": _climbing_word,
    "laughs.docx": _laughing_word,
    "laughs.odt": lambda: zipped(
        {"mimetype": "application/vnd.oasis.opendocument.text",
         "content.xml": f"<!DOCTYPE a [{_LAUGHS}]><a>&l9;</a>"}
    ),
    "outside.docx": lambda: _with(
        _word(), {"word/document.xml": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'}
    ),
    "deep.docx": _deep_word,
    "million-cells.xlsx": _million_cells,
    "far-cell.xlsx": lambda: _sheet(b'<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'),
    "cut.xlsx": lambda: workbook({"S": [["a"] * 50] * 50})[:3000],
    "cut.pptx": lambda: presentation([("a", "b")])[:20_000],
    "cut.epub": lambda: book(["<p>" + "a" * 500 + "</p>"])[:600],
    "cut.pdf": lambda: pdf("A page.")[:300],
    "endless-page.pdf": _endless_page,
    "giant-picture.pdf": _giant_picture,
    "looping-pages.pdf": _looping_pages,
    "giant-picture.png": lambda: _png(60_000, 60_000),
    "picture.txt": lambda: _png(8, 8),
    "deep.json": lambda: b"[" * 500_000 + b"]" * 500_000,
    "deep-but-valid.json": lambda: b'{"a":' * 300 + b"1" + b"}" * 300,
    "long-number.json": lambda: b'{"a": ' + b"9" * 100_000 + b"}",
    "cut.json": lambda: b'{"a": [1, 2',
    "cut.jsonl": lambda: b'{"a": 1}\n{"b": ',
    "not-a-notebook.ipynb": lambda: b'{"cells": 5}',
    "nested.eml": lambda: _nested_mail(5_000),
    "many-parts.eml": _mail_of_many_parts,
    "deep.rtf": lambda: b"{\\rtf1 " + b"{" * 1_000_000,
    "endless-word.txt": lambda: b"a" * (30 * MB),
    "endless-line.txt": lambda: b"word " * (8 * MB),
    "endless-line.csv": lambda: b'a,b\n1,"' + b"x" * (10 * MB),
    "wrong-suffix.pdf": lambda: workbook({"S": [["a"]]}),
    "noise.txt": lambda: bytes(range(256)) * 4096,
}  # fmt: skip
"""Files that must be refused by name, each in its own way."""

HARMLESS: dict[str, Callable[[], bytes]] = {
    "broken-utf8.txt": lambda: b"good words \xff\xfe\xc3\x28 and more \xf0\x28\x8c\xbc of them. " * 2_000,
    "hashes.md": _hash_line,
    "huge-page.pdf": _huge_page,
    "deep.html": lambda: b"<!doctype html><html><body>" + b"<div>" * 100_000 + b"<p>A sentence stands deep inside.</p>",
    "entities.html": lambda: f"<!doctype html [{_LAUGHS}]><html><body><p>&l9; A sentence.</p></body></html>".encode(),
    "entities.xml": lambda: f"<!DOCTYPE a [{_LAUGHS}]><a>&l9;</a>".encode(),
    "deep.xml": lambda: b"<a> " * 500_000,
    "far-rows.xlsx": _far_cell,
    "braces.py": lambda: b"def f(" * 200_000 + b"\n" + b"(" * 500_000,
}  # fmt: skip
"""Files that look dangerous and may be read or refused: they only must not take long, grow large or harm others."""

LARGE = frozenset(
    "bomb.xlsx bomb.pptx bomb.odt endless-word.txt endless-line.txt endless-line.csv endless-page.pdf deep.rtf "
    "giant-picture.pdf million-cells.xlsx hashes.md deep.html deep.xml far-rows.xlsx broken-utf8.txt braces.py".split()
)
"""Those that take seconds: `bench/hostile.py` runs them too, the tests leave them out."""
