"""WikiText as lm-eval reads it: whole articles, their tokenisation undone before a model sees them."""

from __future__ import annotations

import re
from pathlib import Path

from eval.perplexity import Text
from eval.sample import read_rows

_REPLACED = (
    ("s '", "s'"),
    (" @-@ ", "-"),
    (" @,@ ", ","),
    (" @.@ ", "."),
    (" : ", ": "),
    (" ; ", "; "),
    (" . ", ". "),
    (" ! ", "! "),
    (" ? ", "? "),
    (" , ", ", "),
)
_BRACKETS = (
    (r"\(\s*([^\)]*?)\s*\)", r"(\1)"),
    (r"\[\s*([^\]]*?)\s*\]", r"[\1]"),
    (r"{\s*([^}]*?)\s*}", r"{\1}"),
    (r"\"\s*([^\"]*?)\s*\"", r'"\1"'),
    (r"'\s*([^']*?)\s*'", r"'\1'"),
)
_LAST = (
    ("= = = =", "===="),
    ("= = =", "==="),
    ("= =", "=="),
    (" ° ", "°"),
    (" \n", "\n"),
    ("\n ", "\n"),
    (" N ", " 1 "),
    (" 's", "'s"),
)


def detokenise(page: str) -> str:
    """An article without WikiText's marks, step by step as `lm_eval.tasks.wikitext` does it."""
    for old, new in _REPLACED:
        page = page.replace(old, new)
    for pattern, kept in _BRACKETS:
        page = re.sub(pattern, kept, page)
    for old, new in _LAST:
        page = page.replace(old, new)
    return page


def read_wikitext(path: Path) -> list[Text]:
    """The articles of a JSON Lines file with a `text` each, blank ones left out. Raises `UsageError`."""
    return [
        Text.of(str(row.get("title") or number), detokenise(row["text"]), row["text"])
        for number, row in read_rows(path)
        if str(row.get("text", "")).strip()
    ]
