"""The formats documents come in, a row each: loaders, originals, chunks and citations take from it what they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Body = Literal["prose", "markdown", "rows", "code"]
"""What a stored text is made of: paragraphs, Markdown, one record a line, or program text."""

_OFFICE = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True)
class Format:
    """One format. Lines of `rows` and `code` are the file's own rows and lines, so that they can be cited by number."""

    name: str
    media_type: str
    called: str
    """As a message names it."""
    extensions: tuple[str, ...]
    """The first one names kept originals."""
    body: Body = "prose"
    part: str = ""
    """What its pages are called in a citation, such as `slide`."""
    line: str = ""
    """What one line of the stored text is called in a citation, such as `row`."""
    packed: bool = False
    """Whether it is a zip archive or another binary file."""
    other_types: tuple[str, ...] = ()
    """Further media types that servers give it."""


_CODE = (
    ".py .pyi .js .mjs .cjs .jsx .ts .tsx .java .kt .kts .scala .go .rs .c .h .cc .cpp .cxx .hh .hpp .cs .fs .vb "
    ".swift .m .mm .rb .php .pl .pm .lua .r .jl .dart .ex .exs .erl .hs .ml .clj .groovy .zig .sh .bash .zsh .ps1 "
    ".sql .graphql .proto .tf .vue .svelte .css .scss .less .yaml .yml .toml .ini .cfg .conf .properties .xml .xsd "
    ".tex .cmake"
).split()

FORMATS = (
    Format("text", "text/plain", "plain text", (".txt", ".text", ".rst", ".adoc", ".log")),
    Format("markdown", "text/markdown", "Markdown", (".md", ".markdown", ".mdx"), "markdown"),
    Format("html", "text/html", "an HTML page", (".html", ".htm", ".xhtml"), "markdown",
           other_types=("application/xhtml+xml",)),
    Format("pdf", "application/pdf", "a PDF", (".pdf",), part="p.", packed=True, other_types=("application/x-pdf",)),
    Format("docx", f"{_OFFICE}.wordprocessingml.document", "a Word document (.docx)", (".docx",), "markdown",
           packed=True),
    Format("pptx", f"{_OFFICE}.presentationml.presentation", "a PowerPoint presentation (.pptx)", (".pptx",),
           "markdown", part="slide", packed=True),
    Format("xlsx", f"{_OFFICE}.spreadsheetml.sheet", "an Excel workbook (.xlsx)", (".xlsx",), "rows", part="sheet",
           line="row", packed=True),
    Format("csv", "text/csv", "a table in CSV", (".csv", ".tsv"), "rows", line="row",
           other_types=("text/tab-separated-values",)),
    Format("json", "application/json", "JSON", (".json", ".geojson"), "rows", line="entry"),
    Format("jsonl", "application/x-ndjson", "JSON Lines", (".jsonl", ".ndjson"), "rows", line="record",
           other_types=("application/jsonl",)),
    Format("notebook", "application/x-ipynb+json", "a notebook", (".ipynb",), "markdown", part="cell"),
    Format("epub", "application/epub+zip", "an EPUB book", (".epub",), "markdown", part="chapter", packed=True),
    Format("odt", "application/vnd.oasis.opendocument.text", "an OpenDocument text (.odt)", (".odt",), "markdown",
           packed=True),
    Format("rtf", "application/rtf", "a Rich Text document (.rtf)", (".rtf",), other_types=("text/rtf",)),
    Format("email", "message/rfc822", "an e-mail (.eml)", (".eml",), "markdown"),
    Format("code", "text/x-source", "source code", tuple(_CODE), "code", line="line"),
)  # fmt: skip

BY_NAME = {row.name: row for row in FORMATS}
BY_MEDIA_TYPE = {media_type: row for row in FORMATS for media_type in (row.media_type, *row.other_types)}
BY_EXTENSION = {extension: row for row in FORMATS for extension in row.extensions}


def format_of(media_type: str) -> Format:
    """The format of a stored document; plain text where its type is not known."""
    return BY_MEDIA_TYPE.get(media_type, BY_NAME["text"])
