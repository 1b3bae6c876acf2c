"""Refused against still answered: what the dial `answering.refuse` buys, and where it stands. Writes docs/refusal.md.

    python bench/refusal.py --rows 40 --page /tmp/refusal.md      a dry run
    python bench/refusal.py                                       all of squad_dev, and 400 multi-passage questions

No chat model is asked: a question is refused where no passage is read as answering it, which is what the graph does
before a model writes. `squad_dev` brings one passage to each question, impossible ones were written by people. The
multi-passage sets bring ten; the unanswerable variant has the gold passages taken out. Both are rows the reader was not
trained on.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from eval.public_data import data_file  # noqa: E402
from eval.sample import read_rows  # noqa: E402
from eval.squad import f1  # noqa: E402
from graphs.answer import Passage  # noqa: E402
from graphs.evidence import ANSWERABLE_BAR, bar  # noqa: E402
from graphs.reading import read_by_meaning  # noqa: E402

Read = dict[str, Any]
DIAL = [round(0.05 * step, 2) for step in range(21)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=0, help="of each set; 0 takes all of squad_dev and 400 others")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "refusal.md")
    options = parser.parse_args()
    read, name = _reader()
    sets = {
        "squad_dev": [_judged(read, *row) for row in _squad(options.rows)],
        "multi-passage": [_judged(read, *row) for row in _multi(options.rows or 400)],
    }
    curves = {name: [_at(rows, refuse) for refuse in DIAL] for name, rows in sets.items()}
    options.page.write_text(_page(curves, sets, name), encoding="utf-8")
    print(json.dumps({"reader": name, **{one: _at(rows, 0.5) for one, rows in sets.items()}}))
    return 0


def _reader() -> tuple[Any, str]:
    """How passages are read here: by the trained reader, else by meaning."""
    from assistant.config import load_settings
    from assistant.evidence import open_reader
    from assistant.providers import embeddings

    settings = load_settings()
    encoder = embeddings(settings.models.embedding, settings)
    reader = open_reader(settings, encoder)
    if reader is not None:
        return reader.read, "the trained reader"
    return lambda question, texts: read_by_meaning(question, [_passage(text) for text in texts], encoder), "by meaning"


def _passage(text: str) -> Passage:
    return Passage(chunk_id="", document_id="", source="", title="", text=text, start=0, end=len(text))


def _squad(count: int) -> list[tuple[str, list[str], list[str]]]:
    rows = [row for _, row in read_rows(data_file("squad_dev"))]
    random.Random(4).shuffle(rows)  # noqa: S311 - a sample, no secret
    return [(row["question"], [row["context"]], row["answers"]) for row in rows[: count or None]]


def _multi(count: int) -> list[tuple[str, list[str], list[str]]]:
    """Each question once with all its passages and once without those that answer it; none the reader has learned."""
    from training.reader.data import multi_passage_records

    held_out = multi_passage_records(data_file("qa_multi_passage_train").parent, held_out=True)
    rows = [row for row in held_out if len(row["gold"]) < len(row["passages"])]  # without the gold ones some are left
    random.Random(4).shuffle(rows)  # noqa: S311 - a sample, no secret
    found = []
    for row in rows[: count // 2]:
        texts = [f"{passage['title']}. {passage['text']}" for passage in row["passages"]]
        found.append((row["question"], texts, row["answers"]))
        found.append((row["question"], [text for at, text in enumerate(texts) if at not in row["gold"]], []))
    return found


def _judged(read: Any, question: str, texts: list[str], answers: list[str]) -> Read:
    best = max(read(question, texts), key=lambda reading: reading.answerable)
    said = bool(answers) and (
        f1(best.text, answers) >= 0.5 or any(answer.lower() in best.text.lower() for answer in answers)
    )
    return {"chance": best.answerable, "answerable": bool(answers), "right": said}


def _at(rows: list[Read], refuse: float) -> dict[str, float]:
    """Shares at one point of the dial: impossible questions refused, possible ones answered, right ones kept."""
    least = bar(ANSWERABLE_BAR, refuse)
    no = [row["chance"] < least for row in rows if not row["answerable"]]
    yes = [row["chance"] >= least for row in rows if row["answerable"]]
    right = [row["chance"] >= least for row in rows if row["right"]]
    names = {"refused": no, "answered": yes, "right_kept": right}
    shares = {name: round(100 * sum(hits) / len(hits), 1) if hits else float("nan") for name, hits in names.items()}
    return {"refuse": refuse, "bar": round(least, 3), **shares}


def _page(curves: dict[str, list[dict[str, float]]], sets: dict[str, list[Read]], reader: str) -> str:
    text = f"""# Refusing against answering

Made by `python bench/refusal.py`; passages were read by: {reader}. The setting `answering.refuse` is a dial from 0,
rather answer, to 1, rather refuse; it ships at 0.5. A question is refused where the chance that a passage answers it
is below the bar the dial sets. *Refused* is the share of questions without an answer that are refused, *answered* the
share of questions with an answer that are not, and *right kept* the share of the right answers that are still given.
The last weights of the reader were fitted on the rows of `squad_dev`; [its card](../assistant/weights/reader/CARD.md)
has figures where each half was judged by what the other half taught.
"""
    for name, points in curves.items():
        rows = sets[name]
        no = sum(not row["answerable"] for row in rows)
        text += f"\n## {name}: {len(rows)} questions, {no} without an answer\n\n"
        text += "| refuse | bar | refused | answered | right kept |\n|---:|---:|---:|---:|---:|\n"
        for point in points:
            mark = "**" if point["refuse"] == 0.5 else ""
            cells = [f"{mark}{point[key]}{mark}" for key in ("refuse", "bar", "refused", "answered", "right_kept")]
            text += "| " + " | ".join(cells) + " |\n"
        text += "\n" + _shipped(rows) + "\n"
    return text


def _shipped(rows: list[Read]) -> str:
    """The shipped point with 95 % intervals over questions."""
    from scipy.stats import binomtest

    least = bar(ANSWERABLE_BAR, 0.5)
    no = [row["chance"] < least for row in rows if not row["answerable"]]
    right = [row["chance"] >= least for row in rows if row["right"]]
    parts = []
    for name, hits in (("refused", no), ("right kept", right)):
        found = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
        low, high = 100 * found.low, 100 * found.high
        parts.append(f"{name} {100 * sum(hits) / len(hits):.1f} % (95 % {low:.1f} to {high:.1f}, n {len(hits)})")
    return f"As it ships: {', '.join(parts)}."


if __name__ == "__main__":
    raise SystemExit(main())
