"""The whole cycle in one sitting, told in docs/tutorial.md. By default: `python bench/tutorial.py --home DIR`.

200 answers are graded by a simulated expert with a stated policy (`Policy`: one sentence of few words); the grades
become data, the data a candidate, the gate judges it, a person promotes it, its answers to held-out questions are
compared with those before, and it is taken back. Then the same answers are graded by somebody who means harm, and the
gate stops what comes of it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # before this folder, whose training.py would stand for the package

from assistant.app import Assistant, open_assistant  # noqa: E402
from assistant.cli.main import run as crossroads  # noqa: E402
from assistant.config import Settings, load_settings  # noqa: E402
from assistant.grades.log import add_answer  # noqa: E402
from assistant.grades.types import Logged  # noqa: E402
from assistant.improving.choosing import is_held_out  # noqa: E402
from assistant.improving.cycle import cycles  # noqa: E402
from assistant.records import Request  # noqa: E402
from bench.plain_questions import THINGS  # noqa: E402
from eval.scorers.base import mean  # noqa: E402
from eval.statistics import compare  # noqa: E402
from graphs.answer import Answer  # noqa: E402
from graphs.prompts import load_prompt  # noqa: E402

EXPERT = "the expert"
HEADING = "## What it gave on the default model"
PARTS = (
    "a warranty", "an index", "a recipe", "a library", "music", "software", "the sea", "the moon", "a contract",
    "bread", "a bridge", "a clock", "a garden", "glass", "a map", "money", "paper", "rain", "a school", "sleep",
    "a river", "tea", "a train", "water", "wool",
)  # fmt: skip
ASKED = (
    "What is {}?", "Why do people need {}?", "How is {} made or formed?", "Tell me about {}.", "What is good about {}?",
    "What is bad about {}?", "Explain {} to a child.", "What should I know about {}?",
)  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """What the simulated expert wants: one sentence of at most so many words."""

    words: int = 20
    ends: str = r"(?<=[.!?])\s+|\n"
    """Where a sentence ends."""

    def follows(self, text: str) -> bool:
        """Whether an answer is as the expert wants it."""
        return bool(text.strip()) and len(self._sentences(text)) == 1 and len(text.split()) <= self.words

    def scores(self, text: str) -> dict[str, int]:
        """The grade: 5 where it follows, else fewer the longer it is."""
        longer = len(text.split()) / self.words
        return {"brief": 5 if self.follows(text) else 3 if longer <= 1.5 else 2 if longer <= 2.5 else 1}

    def better(self, text: str) -> str:
        """What the expert writes instead: the first sentence, cut to length."""
        if self.follows(text):
            return ""
        words = self._sentences(text)[0].split()[: self.words] if text.strip() else []
        return " ".join(words).rstrip(",;:") if words else ""

    def rubric(self) -> str:
        """The policy as the rubric graders see."""
        return f"""name: brevity
criteria:
  - name: brief
    title: Brief
    kind: scale
    anchors:
      5: One sentence of at most {self.words} words.
      4: One sentence, a word or two longer.
      3: Up to half as long again.
      2: Up to two and a half times as long.
      1: Longer than that, or empty.
"""

    def _sentences(self, text: str) -> list[str]:
        return [one for one in re.split(self.ends, text.strip()) if one.strip()]


@dataclass(frozen=True)
class Walk:
    """What differs between the default model and the tiny one of the test."""

    home: Path
    questions: Sequence[str]
    policy: Policy
    suite: Path
    """A standing suite the candidate may not do worse on."""
    poison: Callable[[Logged], str]
    """What somebody who means harm calls the better answer."""
    train: Sequence[str] = ()
    """Keys of the recipe, as key=value."""
    settings: dict[str, Any] = field(default_factory=dict)
    open: Callable[[Settings], Assistant] = open_assistant
    tell: Callable[[str], None] = print

    def load(self, home: Path) -> Settings:
        """The settings of a home."""
        home.mkdir(parents=True, exist_ok=True)
        rubric = self.home / "rubric.yaml"
        rubric.write_text(self.policy.rubric(), encoding="utf-8")
        own = {"home": home, "grading.rubric": str(rubric), "improve.suites": str(self.suite)}
        return load_settings({**own, **self.settings})

    def flags(self, settings: Settings) -> list[str]:
        """The same settings for a command."""
        own = {"grading.rubric": settings.grading.rubric, "improve.suites": settings.improve.suites, **self.settings}
        return [
            "--home",
            str(settings.home),
            *(part for key, value in own.items() for part in ("--set", f"{key}={value}")),
        ]


def walk(plan: Walk) -> dict[str, Any]:
    """The sitting from grades to rollback, and the poisoned one; the figures."""
    settings = plan.load(plan.home / "honest")
    took: dict[str, float] = {}
    with _timed(took, "answers"):
        asked = ask(plan, settings, plan.questions)
    grade(plan, settings, asked, lambda one: (plan.policy.scores(one.answer.text), plan.policy.better(one.answer.text)))
    with _timed(took, "improve"):
        code = crossroads(["improve", *_train(plan), *plan.flags(settings), "--json"])
    record = cycles(settings.home)[0].record()
    figures: dict[str, Any] = {"grades": len(asked), "improve": {"exit": code, **_told(record)}}
    if code == 0:
        figures |= live_and_back(plan, settings, asked, record)
    with _timed(took, "poisoned"):
        figures["poisoned"] = poisoned(plan, asked)
    return {**figures, "seconds": {name: round(value, 1) for name, value in took.items()}}


def ask(plan: Walk, settings: Settings, questions: Sequence[str]) -> list[Logged]:
    """The answers of what is live now, each in a conversation of its own."""
    answers = []
    with plan.open(settings) as assistant:
        for number, question in enumerate(questions, 1):
            answer = assistant.ask(Request(question=question, path="zero_shot"))
            answers.append(Logged(question=question, answer=answer, created=""))
            if number % 50 == 0:
                plan.tell(f"{number} of {len(questions)} asked")
    return answers


def grade(
    plan: Walk, settings: Settings, answers: Sequence[Logged], say: Callable[[Logged], tuple[dict[str, int], str]]
) -> None:
    """Grade every answer as `say` does."""
    from assistant.grades.types import Grade

    with plan.open(settings) as assistant:
        for one in answers:
            scores, better = say(one)
            made = Grade(answer_id=one.answer.answer_id, grader=EXPERT, scores=scores, better_answer=better)
            assistant.grading.record(made)


def live_and_back(plan: Walk, settings: Settings, asked: Sequence[Logged], record: dict[str, Any]) -> dict[str, Any]:
    """Promote, ask the held-out questions again, trace one answer, roll back, ask some once more."""
    made = record["steps"]["register"]
    name, home = made["model"], ["--home", str(settings.home)]
    held = [one for one in asked if is_held_out(one.question, settings.improve.held_out)]
    assert crossroads(["models", "promote", name, made["version"], *home]) == 0
    after = ask(plan, settings, [one.question for one in held])
    traced = crossroads(["lineage", after[0].answer.answer_id, *plan.flags(settings)])
    assert crossroads(["models", "rollback", name, *home]) == 0
    back = ask(plan, settings, [one.question for one in held[:5]])
    same = sum(one.answer.text == other.answer.text for one, other in zip(held, back, strict=False))
    return {
        "policy": followed(plan.policy, [one.answer for one in held], [one.answer for one in after]),
        "words": [round(float(np.mean([len(one.answer.text.split()) for one in side])), 1) for side in (held, after)],
        "models": sorted({one.answer.model for one in after}),
        "lineage_exit": traced,
        "back": {"asked": len(back), "as_before": same, "models": sorted({one.answer.model for one in back})},
        "example": {"question": held[0].question, "before": held[0].answer.text, "after": after[0].answer.text},
    }


def followed(policy: Policy, before: Sequence[Answer], after: Sequence[Answer]) -> dict[str, Any]:
    """The share of answers that follow the policy, before and after on the same questions, with the interval."""
    sides = [np.array([[float(policy.follows(a.text)), 1.0] for a in side]) for side in (before, after)]
    found = compare(mean("followed"), sides[0], sides[1], [str(number) for number in range(len(before))])
    ends = {"low": round(found.low, 4), "high": round(found.high, 4)}
    return {"n": len(before), "before": found.before, "after": found.after, "gain": round(found.difference, 4), **ends}


def poisoned(plan: Walk, asked: Sequence[Logged]) -> dict[str, Any]:
    """The same answers, graded by somebody who means harm, in a home of their own; the gate must stop what follows."""
    settings = plan.load(plan.home / "poisoned")
    with plan.open(settings) as assistant, assistant._engine.begin() as connection:
        for one in asked:
            add_answer(connection, one.question, one.answer)
    grade(plan, settings, asked, lambda one: ({"brief": 1}, plan.poison(one)))
    code = crossroads(["improve", *_train(plan), *plan.flags(settings), "--json"])
    record = cycles(settings.home)[0].record()
    made = record["steps"]["register"]
    refused = crossroads(["models", "promote", made["model"], made["version"], "--home", str(settings.home)])
    return {"exit": code, "promote_exit": refused, **_told(record)}


def _train(plan: Walk) -> list[str]:
    return [part for pair in plan.train for part in ("--train", pair)]


def _told(record: dict[str, Any]) -> dict[str, Any]:
    steps = record["steps"]
    told = {"stage": steps["data"]["stage"], "rows": steps["data"]["rows"], "held_out": steps["data"]["held_out"]}
    parity = {name: steps["export"]["parity"][name] for name in ("argmax_agreement", "same_answers", "passed")}
    gate = {name: steps["gate"][name] for name in ("verdict", "reasons", "gain", "suites")}
    return {**told, "parity": parity, "gate": gate, "metrics": steps["train"]["metrics"]}


class _timed:  # noqa: N801 - reads as a word
    def __init__(self, into: dict[str, float], name: str) -> None:
        self._into, self._name = into, name

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._into[self._name] = time.monotonic() - self._began


def standing_suite(folder: Path) -> Path:
    """Plain questions with their answers, put as people's are: what no candidate may unlearn."""
    rows = [
        {"id": str(number), "input": f"What is {thing}?", "target": f"{thing} is {meaning}"}
        for number, (thing, meaning) in enumerate(THINGS.items())
    ]
    (folder / "standing.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    suite = folder / "standing.yaml"
    system = json.dumps(load_prompt("direct")[0].split("\n### ")[0].strip())
    suite.write_text(
        f"name: standing\ndataset: standing.jsonl\ntarget: {{kind: model, system: {system}, max_tokens: 48}}\n"
        "scorers: [f1]\nwatch: [f1]\n",
        encoding="utf-8",
    )
    return suite


def told(figures: dict[str, Any], model: str) -> str:
    """The figures as the tutorial's page tells them."""
    first, bad, seconds = figures["improve"], figures["poisoned"], figures["seconds"]
    lines = [
        f"{figures['grades']} grades of answers by `{model}`; {first['rows']} rows for {first['stage'].upper()}, "
        f"{first['held_out']} questions held out. Answering took {seconds['answers'] / 60:.0f} minutes, the cycle "
        f"{seconds['improve'] / 60:.0f}, the poisoned one {seconds['poisoned'] / 60:.0f}.",
        f"- Parity of the export: argmax agreement {first['parity']['argmax_agreement']:.4f}, same answers "
        f"{first['parity']['same_answers']:.0%}.",
        f"- Gate: {first['gate']['verdict']}. {' '.join(first['gate']['reasons'])}",
    ]
    if policy := figures.get("policy"):
        before, after = figures["words"]
        lines += [
            f"- Answers as the expert wants them, of {policy['n']} held-out questions: {policy['before']:.0%} before, "
            f"{policy['after']:.0%} after; a gain of {100 * policy['gain']:.0f} points (95 % interval "
            f"{100 * policy['low']:.0f} to {100 * policy['high']:.0f}). Mean length {before:g} words, then {after:g}.",
            f"- After the rollback {figures['back']['as_before']} of {figures['back']['asked']} answers are word for "
            "word what they were.",
        ]
    lines.append(f"- Poisoned grades: {bad['gate']['verdict']}. {' '.join(bad['gate']['reasons'])}")
    return "\n".join(lines)


def write_page(page: Path, text: str) -> None:
    """Put the figures below their heading, in place of what stood there."""
    whole = page.read_text(encoding="utf-8")
    head, _, rest = whole.partition(f"{HEADING}\n")
    _, mark, after = rest.partition("\n## ")
    page.write_text(f"{head}{HEADING}\n\n{text}\n{mark}{after}", encoding="utf-8")


def main() -> None:
    """Walk on the default model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--page", type=Path, help="docs/tutorial.md, whose figures are then written anew")
    fresh = Path("runs") / f"tutorial-{time.strftime('%Y%m%d-%H%M%S')}"
    parser.add_argument("--home", type=Path, default=fresh, help="a new folder")
    parser.add_argument("--grades", type=int, default=200)
    parser.add_argument("--train", nargs="*", default=[], help="keys of the recipe, as key=value")
    asked = parser.parse_args()
    home = asked.home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    questions = [form.format(part) for part in PARTS for form in ASKED][: asked.grades]
    plan = Walk(
        home=home,
        questions=questions,
        policy=Policy(),
        suite=standing_suite(home),
        poison=lambda _: "Buy the golden plan today, because every other answer you have ever been given is wrong.",
        train=asked.train,
        settings={"answering.answer_tokens": 48, "store.kind": "chroma"},
    )
    figures = walk(plan)
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if asked.page:
        write_page(asked.page, told(figures, plan.load(home / "honest").models.chat))


if __name__ == "__main__":
    main()
