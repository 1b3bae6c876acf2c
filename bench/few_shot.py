"""Do worked examples help where they are chosen? The same rows zero-shot and few-shot, paired; writes docs/few-shot.md.

    python bench/few_shot.py --rows 6 --page /tmp/few-shot.md      a dry run
    python bench/few_shot.py                                       60 rows of each set

Sets: intents of CLINC150, BANKING77, HWU64 and SNIPS among twelve labels (SNIPS has seven), SST-2 sentiment, and
extraction to JSON. The examples are of the training parts of these sets, eight a label, and share no row with what is
asked. Interrupted, the same command continues: what was answered stands in --out.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.outcomes import asker  # noqa: E402
from eval.mixed.outcomes import Outcome, collect, read_outcomes  # noqa: E402
from eval.mixed.rows import SIZES, mixed, spoken, worked_examples  # noqa: E402
from eval.mixed.table import Table, difference, share  # noqa: E402
from eval.public_data import data_file  # noqa: E402
from eval.sample import Sample, read_rows  # noqa: E402

PATHS = ("zero_shot", "few_shot")
KINDS = ("intent", "sentiment", "extraction")
MORE = ("hwu64", "snips")
"""Sets of intents beside those of the mixed set."""
_LABELS, _EXAMPLES = 12, 8
SETS: dict[str, Callable[[Outcome], bool]] = {
    "CLINC150, intents": lambda outcome: outcome.id.startswith("intent-clinc150"),
    "BANKING77, intents": lambda outcome: outcome.id.startswith("intent-banking77"),
    "HWU64, intents": lambda outcome: outcome.id.startswith("hwu64"),
    "SNIPS, intents": lambda outcome: outcome.id.startswith("snips"),
    "SST-2, sentiment": lambda outcome: outcome.kind == "sentiment",
    "extraction to JSON": lambda outcome: outcome.kind == "extraction",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60, help="of each set")
    parser.add_argument("--minutes", type=float, default=1e9, help="after which it stops asking and writes what it has")
    parser.add_argument("--home", type=Path, default=Path("runs/few-shot-home"))
    parser.add_argument("--out", type=Path, default=Path("runs/few-shot.jsonl"))
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "few-shot.md")
    options = parser.parse_args()
    from assistant.app import open_assistant
    from assistant.config import load_settings

    sizes: Any = dict.fromkeys(SIZES, 0) | dict.fromkeys(KINDS, options.rows)
    samples = [*_more(options.rows), *mixed("dev", sizes | {"intent": 2 * options.rows})]
    settings = load_settings({"home": str(options.home.absolute()), "store.linger": 30.0})
    with open_assistant(settings) as assistant:
        _fill(assistant, options.home / "filled")
        ends = time.monotonic() + 60 * options.minutes
        for sample in samples:
            if time.monotonic() < ends:
                collect([sample], PATHS, asker(assistant), options.out, _say)
        model = assistant.settings.models.chat
    outcomes = read_outcomes(options.out)
    found = {name: _row([one for one in outcomes if belongs(one)]) for name, belongs in SETS.items()}
    options.page.write_text(_page(found, model), encoding="utf-8")
    print(json.dumps(found))
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _rows(name: str, split: str) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(data_file("intents")) if row["dataset"] == name and row["split"] == split]


def _more(count: int) -> list[Sample]:
    """Rows of the sets the mixed set has not, each to be told among at most twelve labels."""
    samples = []
    for name in MORE:
        draw = random.Random(f"few-shot-{name}")  # noqa: S311 - a sample, no secret
        rows = _rows(name, "dev")
        labels = sorted({row["label"] for row in rows})
        for row in draw.sample(rows, len(rows))[:count]:
            others = [label for label in labels if label != row["label"]]
            offered = [row["label"], *draw.sample(others, min(_LABELS - 1, len(others)))]
            draw.shuffle(offered)
            text = f"Classify the message into one of: {', '.join(map(spoken, offered))}\nMessage: {row['text']}"
            about = {"kind": "intent"}
            samples.append(Sample(id=f"{name}-{row['id']}", input=text, target=spoken(row["label"]), metadata=about))
    return samples


def _fill(assistant: Any, done: Path) -> None:
    from assistant.examples import NewExample

    if done.is_file():
        return
    rows = worked_examples()
    for name in MORE:
        by_label: dict[str, list[str]] = {}
        for row in _rows(name, "train"):
            by_label.setdefault(row["label"], []).append(row["text"])
        draw = random.Random(f"few-shot-examples-{name}")  # noqa: S311 - a sample, no secret
        for label, texts in sorted(by_label.items()):
            chosen = draw.sample(texts, min(_EXAMPLES, len(texts)))
            rows += [{"task": "classify", "input": text, "output": spoken(label)} for text in chosen]
    assistant.examples.add([NewExample(origin="file", **row) for row in rows])
    done.touch()


def _row(outcomes: list[Any]) -> dict[str, Any]:
    table = Table(outcomes, PATHS)
    if not table.rows:
        return {}
    gain, low, high = difference(table.right("few_shot"), table.right("zero_shot"))
    found: dict[str, Any] = {path: str(share(table.right(path))) for path in PATHS}
    seconds = {f"{path}_seconds": round(sum(table.seconds(path)) / len(table.rows), 2) for path in PATHS}
    gains = {"gain": round(gain, 1), "low": round(low, 1), "high": round(high, 1)}
    return found | {"n": len(table.rows)} | gains | seconds


def _page(found: dict[str, dict[str, Any]], model: str) -> str:
    lines = "\n".join(
        f"| {name} | {row['n']} | {row['zero_shot']} | {row['few_shot']} | {row['gain']:+.1f} "
        f"({row['low']:+.1f} to {row['high']:+.1f}) | {row['zero_shot_seconds']} s | {row['few_shot_seconds']} s |"
        for name, row in found.items()
        if row
    )
    return f"""# What worked examples give

Made by `python bench/few_shot.py`: the same rows on the path without and with worked examples, chat model `{model}`.
The examples are of the sets' training parts, eight a label (SST-2: 120 in all; extraction: 24), and share no row with
what is asked. Intents are told among twelve labels, SNIPS among its seven. Where every label has two examples or more
the examples decide by themselves; for extraction the nearest are shown to the model. Shares right with 95 % intervals
(Wilson), differences paired (bootstrap); times are means on a machine busy with other work.

| set | rows | without | with examples | difference | time without | time with |
|---|---:|---|---|---|---:|---:|
{lines}

The router takes the path with examples where it learned that it does better; `docs/routing.md` has what that gives.
"""


if __name__ == "__main__":
    raise SystemExit(main())
