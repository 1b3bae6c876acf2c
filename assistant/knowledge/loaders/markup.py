"""HTML to Markdown without leaving anything out: for books and e-mail, whose pages are all content."""

from __future__ import annotations

import re
from typing import Any

_SKIPPED = frozenset("script style head title meta link svg math noscript template".split())
_BLOCKS = frozenset(
    "p div section article header footer aside main figure figcaption blockquote ul ol dl dt dd table tbody thead hr "
    "address form fieldset body html center".split()
)
_SPACE = re.compile(r"[ \t\r\f\v\xa0]*\n[ \t\r\f\v]*|[ \t\r\f\v\xa0]+")


def to_markdown(html: bytes | str) -> str:
    """The text of a page with headings, lists, tables and code blocks. Raises `ValueError` for what lxml refuses."""
    from lxml import html as lxml_html

    if isinstance(html, str):
        html = re.sub(r"^\s*<\?xml[^>]*\?>", "", html).encode("utf-8")
        parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=False)
    else:
        parser = lxml_html.HTMLParser(huge_tree=False)
    if not html.strip():
        return ""
    tree = lxml_html.document_fromstring(html, parser=parser)
    writer = _Writer()
    writer.walk(tree)
    return writer.text()


class _Writer:
    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.line: list[str] = []
        self.lead = ""
        self.code = False

    def walk(self, tree: Any) -> None:
        """Every element in order, without recursion: a page may be nested as deep as it likes."""
        from lxml import etree

        skip: Any = None
        for event, element in etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "start" and skip is None:
                if tag in _SKIPPED:
                    skip = element
                else:
                    self._open(tag, element.text or "")
            elif event in ("end", "comment", "pi"):
                if skip is element:
                    skip = None
                elif skip is None and event == "end":
                    self._close(tag)
                if skip is None:
                    self.line.append(element.tail or "")
        self._flush()

    def text(self) -> str:
        """What was written: an empty line between blocks, none between the items of a list or the rows of a table."""
        text = ""
        for block in self.blocks:
            near = _kin(block) and _kin(block) == _kin(text.rsplit("\n", 1)[-1])
            text += ("\n" if near else "\n\n" if text else "") + block
        return text

    def _open(self, tag: str, text: str) -> None:
        if tag in _BLOCKS:
            self._flush()
        elif re.fullmatch(r"h[1-6]", tag):
            self._flush()
            self.lead = "#" * int(tag[1]) + " "
        elif tag == "li":
            self._flush()
            self.lead = "- "
        elif tag == "tr":
            self._flush()
            self.lead = "| "
        elif tag == "pre":
            self._flush()
            self.code = True
        elif tag == "br":
            self.line.append("\n" if self.code else "\v")
        self.line.append(text)

    def _close(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.line.append(" | ")
        elif tag in _BLOCKS or tag in ("li", "tr", "pre") or re.fullmatch(r"h[1-6]", tag):
            self._flush()

    def _flush(self) -> None:
        raw = "".join(self.line)
        if self.code:
            body = raw.strip("\n")
            text = f"```\n{body}\n```" if body.strip() else ""
        else:
            flat = _SPACE.sub(" ", raw.replace("\v", "\0")).replace("\0", "\n")
            flat = "\n".join(part.strip() for part in flat.split("\n")).strip()
            text = self.lead + (" ".join(flat.split()) if self.lead else flat) if flat.strip("| ") else ""
        if text:
            self.blocks.append(text)
            self.lead = ""
        self.line, self.code = [], False


def _kin(line: str) -> str:
    return line[0] if line.startswith(("- ", "| ")) else ""
