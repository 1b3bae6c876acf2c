"""Draw the chat graph into docs/graph.md, as Mermaid text that code hosts show as a picture.

python3 scripts/draw_graph.py          writes the page
python3 scripts/draw_graph.py --check  exits 1 where the page is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "graph.md"
TEXT = """# The chat graph

Drawn by `python3 scripts/draw_graph.py` from the compiled graph; a test compares the two. Each box is a function of that name in `graphs/nodes/`. `approve` is where a turn waits for a person (LangGraph's `interrupt()`); `run_out` is where it goes when the budget of the answer is used up.

```mermaid
{drawing}
```
"""  # noqa: E501


def page() -> str:
    """The page as it should be."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from graphs.chat import build_chat_graph

    return TEXT.format(drawing=build_chat_graph().get_graph().draw_mermaid().strip())


def main(arguments: list[str]) -> int:
    """Write or check the page."""
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
