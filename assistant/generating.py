"""A teacher's answers to a file of prompts, from any provider's model: what sequence-level distillation trains on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eval.sample import read_rows
from graphs.errors import CrossroadsError, RefusedError
from training.data.rows import rows_of, text_of


def generate(
    model: Any, sources: Sequence[str], column: str, out: Path, system: str = "", report: Callable[[str], None] = print
) -> dict[str, int]:
    """Ask `model` (a LangChain chat model) each prompt and append `prompt`, `completion`, `model` rows to `out`.

    Continues where it stopped. A row that failed is counted and left out; the next call asks it again. Raises what
    the provider raises where no row can succeed, such as a missing key.
    """
    done = {row["prompt"] for _, row in read_rows(out)} if out.is_file() else set()
    counts = {"written": 0, "failed": 0, "there_before": len(done)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as lines:
        for row in rows_of(sources):
            prompt = text_of(row, column)
            if prompt in done or not prompt.strip():
                continue
            done.add(prompt)
            answer = _ask(model, prompt, system, row.where, report)
            counts["written" if answer else "failed"] += 1
            if answer:
                made = {"prompt": prompt, "completion": answer}
                lines.write(json.dumps(made, ensure_ascii=False) + "\n")
                lines.flush()
    return counts


def _ask(model: Any, prompt: str, system: str, where: str, report: Callable[[str], None]) -> str:
    messages = [("system", system)] if system else []
    try:
        return str(model.invoke([*messages, ("user", prompt)]).text).strip()
    except RefusedError:
        raise
    except CrossroadsError as error:
        report(f"{where}: {error}")
        return ""
