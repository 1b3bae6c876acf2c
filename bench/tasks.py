"""How well does the chat model do the tasks on a text? Prints one JSON object, a figure for each task.

    python bench/tasks.py --rows 2      a dry run
    python bench/tasks.py               40 rows of each task

Sorting, sentiment and extraction are judged in bench/few_shot.py. Here: summaries (share in the model's own words,
length against the text; every sentence that stays is supported), rewritings (share that adds nothing and changes
something), and translations (chrF against references written for this bench; 100 is the reference itself).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from eval.public_data import data_file  # noqa: E402
from eval.sample import read_rows  # noqa: E402

TRANSLATIONS = {
    "French": [
        ("The train leaves at eight.", "Le train part à huit heures."),
        ("I would like a cup of coffee.", "Je voudrais une tasse de café."),
        ("Where is the library?", "Où est la bibliothèque ?"),
        ("My sister lives in a small village.", "Ma sœur habite dans un petit village."),
        ("It rained all day yesterday.", "Il a plu toute la journée hier."),
    ],
    "German": [
        ("The train leaves at eight.", "Der Zug fährt um acht Uhr ab."),
        ("I would like a cup of coffee.", "Ich hätte gern eine Tasse Kaffee."),
        ("Where is the library?", "Wo ist die Bibliothek?"),
        ("My sister lives in a small village.", "Meine Schwester wohnt in einem kleinen Dorf."),
        ("It rained all day yesterday.", "Gestern hat es den ganzen Tag geregnet."),
    ],
    "Spanish": [
        ("The train leaves at eight.", "El tren sale a las ocho."),
        ("I would like a cup of coffee.", "Quisiera una taza de café."),
        ("Where is the library?", "¿Dónde está la biblioteca?"),
        ("My sister lives in a small village.", "Mi hermana vive en un pueblo pequeño."),
        ("It rained all day yesterday.", "Ayer llovió todo el día."),
    ],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=40)
    options = parser.parse_args()
    from assistant.app import open_assistant
    from assistant.config import load_settings
    from assistant.records import Request

    with tempfile.TemporaryDirectory() as home, open_assistant(load_settings({"home": home})) as assistant:

        def ask(question: str) -> Any:
            print(question[:60].replace("\n", " "), file=sys.stderr, flush=True)
            return assistant.ask(Request(question=question, path="zero_shot", history=[]))

        texts = [row["context"] for _, row in read_rows(data_file("squad_dev"))]
        texts = list(dict.fromkeys(texts))[: options.rows]
        found = {"model": assistant.settings.models.chat, "summaries": _summaries(ask, texts)}
        found["rewritings"] = _rewritings(ask, [text.split(". ")[0] + "." for text in texts])
        found["translations"] = {name: _chrf(ask, name, rows[: options.rows]) for name, rows in TRANSLATIONS.items()}
    print(json.dumps(found))
    return 0


def _summaries(ask: Any, texts: list[str]) -> dict[str, float]:
    made = [ask(f"Summarise this text.\nText: {text}") for text in texts]
    supported = [one.supported for answer in made if answer.grounding for one in answer.grounding.sentences]
    return {
        "n": len(made),
        "own_words": _percent(not answer.quoted for answer in made),
        "sentences_supported": _percent(supported),
        "length_of_text": _percent(len(answer.text) / len(text) for answer, text in zip(made, texts, strict=True)),
    }


def _rewritings(ask: Any, texts: list[str]) -> dict[str, float]:
    made = [ask(f"Rewrite this in simpler words.\nText: {text}") for text in texts]
    changed = [answer.text.strip() != text.strip() for answer, text in zip(made, texts, strict=True)]
    faithful = [not any("does not" in notice for notice in answer.notices) for answer in made]
    both = [one and two for one, two in zip(changed, faithful, strict=True)]
    return {"n": len(made), "changed": _percent(changed), "adds_nothing": _percent(faithful), "both": _percent(both)}


def _chrf(ask: Any, language: str, rows: list[tuple[str, str]]) -> dict[str, float]:
    from sacrebleu.metrics import CHRF

    made = ["" if (got := ask(f"Translate to {language}: {text}")).abstained else got.text for text, _ in rows]
    score = CHRF().corpus_score(made, [[right for _, right in rows]]).score
    return {"n": len(rows), "chrf": round(score, 1)}


def _percent(values: Any) -> float:
    found = [float(value) for value in values]
    return round(100 * sum(found) / len(found), 1) if found else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
