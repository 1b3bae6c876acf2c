"""What an output says, as scorers of text compare it."""

from __future__ import annotations

import re

from eval.target import Output

_MARKER = re.compile(r"\s?\[\d+(?:\s*,\s*\d+)*\]")
_REFUSAL = re.compile(
    r"^\W*(?:sorry\W+)?(?:i (?:do not|don['’]t) know|unanswerable|not answerable|no answer|i can(?:not|['’]t) answer|"
    r"the (?:passages?|documents?|context|text) (?:does|do) not (?:say|contain|mention|answer))\b",
    re.IGNORECASE,
)


def said(output: Output) -> str:
    """The text without citation markers; empty where the target abstained, as SQuAD wants "no answer" written."""
    return "" if abstained(output) else _MARKER.sub("", output.text).strip().strip("“”").strip()


def abstained(output: Output) -> bool:
    """Whether the target said that it does not know: an assistant says so itself, a bare model in words."""
    if output.answer is not None:
        return output.answer.abstained
    return not output.text.strip() or bool(_REFUSAL.match(output.text))
