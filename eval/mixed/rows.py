"""The mixed set: requests of every sort from public sets and from templates, the same for the same seed.

`dev` and `train` share no row: `train` is what the router learns from, `dev` is what the tables show. The documents
the questions are about are the same for both, as they are for a user who learns from their own.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from typing import Any, Literal

from eval.public_data import data_file
from eval.sample import Sample, read_rows

Part = Literal["train", "dev"]
Kind = Literal[
    "answerable", "unanswerable", "pages", "general", "arithmetic", "intent", "sentiment", "extraction", "chat"
]
SIZES: dict[Kind, int] = {
    "answerable": 120,
    "unanswerable": 90,
    "pages": 40,
    "general": 80,
    "arithmetic": 60,
    "intent": 100,
    "sentiment": 40,
    "extraction": 50,
    "chat": 40,
}
"""How many rows of each kind the development set has: 620."""
_LABELS = 12
"""Labels an intent is chosen from."""
_NAMES = (
    "Ada Lindqvist", "Bruno Okafor", "Chiara Moretti", "Dmitri Volkov", "Elif Demir", "Farid Haddad", "Grace Mensah",
    "Hana Sato", "Ivan Petrov", "Julia Novak", "Kofi Asante", "Lena Hoffmann", "Mateo Silva", "Nadia Rahman",
)  # fmt: skip
_PLACES = ("Lisbon", "Tampere", "Nairobi", "Osaka", "Quito", "Bergen", "Halifax", "Tbilisi", "Cork", "Hanoi", "Porto")
_TRADES = ("baker", "geologist", "nurse", "carpenter", "violinist", "translator", "pilot", "gardener", "chemist")
_ABOUT_PEOPLE = (
    "{name}, a {trade} from {place}, was born in {year}.",
    "Born in {year}, {name} worked for most of a long life as a {trade} in {place}.",
    "The prize went to {name} of {place}, who has been a {trade} since {year}.",
    "In {year} the {trade} {name} moved to {place} and stayed there.",
)
_TALK = (
    "Hello there!", "Good morning", "Thanks a lot for your help", "How are you today?", "Hi, nice to meet you",
    "Write a short poem about {thing}.", "Tell me a joke about {thing}.", "Compose two sentences in praise of {thing}.",
    "Suggest a name for a shop that sells {thing}.", "Write a birthday wish for someone who loves {thing}.",
    "Imagine a world without {thing} and describe it in one sentence.", "Tell me a story about {thing}.",
)  # fmt: skip
_THINGS = ("rain", "bicycles", "old maps", "bread", "winter", "cats", "trains", "gardens", "tea", "mountains", "books")
_SUMS = ("What is {a} % of {b}?", "Calculate {a} × {b}.", "How much is {a} plus {b}?", "{a} * {b} + {c}",
         "What is {b} minus {a}?", "Work out ({a} + {b}) × {c}")  # fmt: skip

Rows = list[Sample]


def mixed(part: Part, sizes: dict[Kind, int] | None = None, seed: int = 5) -> Rows:
    """The rows of a part, shuffled. `sizes` asks for fewer (or more) of a kind. Raises `NotFoundError` without data."""
    wanted = {**SIZES, **(sizes or {})}
    rows = [
        row for kind, make in _MAKERS.items() if wanted[kind] for row in make(part, wanted[kind], _draw(kind, seed))
    ]
    _draw("order", seed).shuffle(rows)
    return rows


def documents() -> dict[str, str]:
    """The documents the questions are about: title → text, one for each article of `squad_dev`."""
    texts: dict[str, list[str]] = {}
    for row in _read("squad_dev"):
        paragraphs = texts.setdefault(row["title"].replace("_", " "), [])
        if row["context"] not in paragraphs:
            paragraphs.append(row["context"])
    return {title: "\n\n".join(paragraphs) for title, paragraphs in texts.items()}


def worked_examples(seed: int = 5) -> list[dict[str, str]]:
    """Worked examples for the store, none of them a row of either part: rows with `task`, `input` and `output`."""
    draw = _draw("examples", seed)
    rows: list[dict[str, str]] = []
    by_label: dict[str, list[str]] = {}
    for row in _intents():
        if row["split"] == "train" and _third(row["text"]) == 2:
            by_label.setdefault(row["label"], []).append(row["text"])
    for label, texts in sorted(by_label.items()):
        chosen = draw.sample(texts, min(8, len(texts)))
        rows += [{"task": "classify", "input": text, "output": spoken(label)} for text in chosen]
    for row in _some(_read("lmeval_sst2_train"), 120, draw):
        rows.append({"task": "sentiment", "input": row["sentence"].strip(), "output": _FEELING[row["label"]]})
    people = [_person(draw) for _ in range(24)]
    rows += [{"task": "extract", "input": text, "output": _json(gold)} for text, gold in people]
    return rows


def _json(gold: dict[str, str]) -> str:
    import json

    return json.dumps(gold)


_FEELING = {0: "negative", 1: "positive"}


def _draw(what: str, seed: int) -> random.Random:
    return random.Random(f"{what}-{seed}")  # noqa: S311 - a sample, no secret


def _read(name: str) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(data_file(name))]


def _some(rows: list[Any], count: int, draw: random.Random) -> list[Any]:
    return draw.sample(rows, len(rows))[:count]  # so that fewer rows are a part of more


def _id(kind: str, text: str) -> str:
    """A name that stays the row's own however many rows are asked for."""
    return f"{kind}-{zlib.crc32(text.encode()):08x}"


def _third(text: str) -> int:
    """0, 1 or 2 by the text alone: what keeps the parts and the examples apart."""
    return zlib.crc32(text.encode()) % 3


def _own(rows: list[Any], part: Part, text: Callable[[Any], str]) -> list[Any]:
    return [row for row in rows if _third(text(row)) == (0 if part == "dev" else 1)]


def _squad(part: Part, count: int, draw: random.Random, impossible: bool) -> Rows:
    rows = [
        row for row in _own(_read("squad_dev"), part, lambda row: row["question"]) if row["is_impossible"] == impossible
    ]
    kind = "unanswerable" if impossible else "answerable"
    return [
        Sample(id=f"{kind}-{row['id']}", input=row["question"], target=row["answers"] or None, metadata={"kind": kind})
        for row in _some(rows, count, draw)
    ]


def _pages(part: Part, count: int, draw: random.Random) -> Rows:
    """Questions about pages of software documentation, named by their heading."""
    found = []
    for row in _read("kb_docs")[::12]:
        headings = [line.lstrip("# ").strip() for line in row["text"].splitlines() if line.startswith("## ")]
        found += [(row, heading) for heading in headings[:3] if 2 <= len(heading.split()) <= 7]
    chosen = _some(_own(found, part, lambda item: item[1]), count, draw)
    return [
        Sample(
            id=f"pages-{number}", input=f"What does it say about {heading}?", target=heading, metadata={"kind": "pages"}
        )
        for number, (_, heading) in enumerate(chosen)
    ]


def _general(part: Part, count: int, draw: random.Random) -> Rows:
    rows = _own(_read("lmeval_triviaqa_sub"), part, lambda row: row["context"])
    return [
        Sample(
            id=_id("general", row["context"]),
            input=row["context"].removeprefix("Question: ").removesuffix("\nAnswer:"),
            target=[name for name in [row["answer"], *row["aliases"]] if len(name) > 1],
            metadata={"kind": "general"},
        )
        for row in _some(rows, count, draw)
    ]


def _arithmetic(part: Part, count: int, draw: random.Random) -> Rows:
    rows = _own(_read("lmeval_simple_arithmetic"), part, lambda row: row["context"])
    plain = [(row["context"].removesuffix("="), row["continuation"].strip()) for row in _some(rows, count // 2, draw)]
    draw = _draw(f"sums-{part}", 0)
    made = [_sum(part, draw) for _ in range(count - len(plain))]
    return [
        Sample(id=_id("arithmetic", text), input=text.strip(), target=value, metadata={"kind": "arithmetic"})
        for text, value in [*plain, *made]
    ]


def _sum(part: Part, draw: random.Random) -> tuple[str, str]:
    from graphs.calculator import calculate, find_arithmetic

    low = 10 if part == "dev" else 11
    numbers = {name: draw.randrange(low, 400, 2) for name in "abc"}
    text = draw.choice(_SUMS).format(**numbers)
    return text, str(calculate(str(find_arithmetic(text))))


def _intents() -> list[dict[str, Any]]:
    return [row for row in _read("intents") if row["dataset"] in ("clinc150", "banking77") and row["label"] != "oos"]


def _intent(part: Part, count: int, draw: random.Random) -> Rows:
    rows = [row for row in _intents() if row["dataset"] == "banking77" or row["split"] == "dev"]
    labels: dict[str, list[str]] = {}
    for row in rows:
        known = labels.setdefault(row["dataset"], [])
        known += [row["label"]] if row["label"] not in known else []
    half = {name: [row for row in rows if row["dataset"] == name] for name in labels}
    chosen = [row for own in half.values() for row in _some(_own(own, part, lambda row: row["text"]), count // 2, draw)]
    return [_choice(row, labels[row["dataset"]], _draw(row["id"], 0)) for row in chosen]


def spoken(label: str) -> str:
    """A label as one would write it: no underscores, no question mark."""
    return label.replace("_", " ").rstrip("?")


def _choice(row: dict[str, Any], labels: list[str], draw: random.Random) -> Sample:
    offered = [row["label"], *draw.sample([label for label in labels if label != row["label"]], _LABELS - 1)]
    draw.shuffle(offered)
    text = f"Classify the message into one of: {', '.join(map(spoken, offered))}\nMessage: {row['text']}"
    return Sample(id=f"intent-{row['id']}", input=text, target=spoken(row["label"]), metadata={"kind": "intent"})


def _sentiment(part: Part, count: int, draw: random.Random) -> Rows:
    rows = _own(_read("lmeval_sst2_dev"), part, lambda row: row["sentence"])
    return [
        Sample(
            id=_id("sentiment", row["sentence"]),
            input=f"Is this review positive or negative: “{row['sentence'].strip()}”",
            target=_FEELING[row["label"]],
            metadata={"kind": "sentiment"},
        )
        for row in _some(rows, count, draw)
    ]


def _person(draw: random.Random) -> tuple[str, dict[str, str]]:
    gold = {"name": draw.choice(_NAMES), "place": draw.choice(_PLACES), "year": str(draw.randint(1850, 1990))}
    return draw.choice(_ABOUT_PEOPLE).format(**gold, trade=draw.choice(_TRADES)), gold


def _extraction(part: Part, count: int, draw: random.Random) -> Rows:
    found: dict[str, dict[str, str]] = {}
    while len(found) < count:
        text, gold = _person(draw)
        if _third(text) == (0 if part == "dev" else 1):
            found[text] = gold
    return [
        Sample(
            id=_id("extraction", text),
            input=f"Extract the name, the place and the year from the text.\nText: {text}",
            target=_json(gold),
            metadata={"kind": "extraction"},
        )
        for text, gold in found.items()
    ]


def _chat(part: Part, count: int, draw: random.Random) -> Rows:
    every = [talk.format(thing=thing) for talk in _TALK for thing in (_THINGS if "{thing}" in talk else ("",))]
    chosen = _some(_own(every, part, str) or every, count, draw)
    return [Sample(id=_id("chat", text), input=text, metadata={"kind": "chat"}) for text in chosen]


_MAKERS: dict[Kind, Callable[[Part, int, random.Random], Rows]] = {
    "answerable": lambda part, count, draw: _squad(part, count, draw, impossible=False),
    "unanswerable": lambda part, count, draw: _squad(part, count, draw, impossible=True),
    "pages": _pages,
    "general": _general,
    "arithmetic": _arithmetic,
    "intent": _intent,
    "sentiment": _sentiment,
    "extraction": _extraction,
    "chat": _chat,
}
