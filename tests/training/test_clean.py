"""Cleaning: each kind of dirt is removed for its reason, the rest is split, and an interruption loses nothing."""

from __future__ import annotations

import csv
import functools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.main import run
from graphs.errors import UsageError
from training.data import clean as cleaning
from training.data import near
from training.data.clean import Cleaning, clean, side_of
from training.data.repair import mask_personal, normalise, repair_spelling
from training.data.rows import rows_of
from training.data.words import run_hashes, word_tokenizer

NOUNS = "harbour lantern orchard violin glacier compass meadow granite falcon harvest timber archive".split()


def essay(number: int) -> str:
    """A text unlike every other one."""
    draw = random.Random(number)  # noqa: S311
    names = [draw.choice(NOUNS) + draw.choice(NOUNS) for _ in range(16)]
    return f"In the story of {names[0]} the {names[1]} is seen with " + " and the ".join(names[2:]) + " by all of them."


EXAM = "which of the seven bridges of the old town was built first and who paid for its stones"
DIRTY = [
    {"id": "exact", "text": essay(1).upper()},
    {"id": "near", "text": essay(2).replace("seen", "found")},
    {"id": "empty", "text": " \n "},
    {"id": "short", "text": "too short"},
    {
        "id": "german",
        "text": "Der schnelle braune Fuchs springt über den faulen Hund und läuft dann nach Hause zurück.",
    },
    {"id": "leak", "text": f"Quiz night! Tell me, {EXAM}? I do not know it at all."},
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    good = [{"id": str(n), "book": f"book {n // 10}", "text": essay(n)} for n in range(60)]
    good[3]["text"] += " Write to anna@example.org, recieve an answer."
    path.write_text("".join(json.dumps(row) + "\n" for row in [*good, *DIRTY]), encoding="utf-8")
    return path


@pytest.fixture
def plan(rows: Path, tmp_path: Path) -> Cleaning:
    exam, typos = tmp_path / "exam.jsonl", tmp_path / "typos.jsonl"
    exam.write_text(json.dumps({"id": "q", "question": EXAM}) + "\n", encoding="utf-8")
    typos.write_text(json.dumps({"typo": "recieve", "corrections": ["receive"]}) + "\n", encoding="utf-8")
    return Cleaning(
        [str(rows)],
        tmp_path / "out",
        group="book",
        languages=("en",),
        least_words=5,
        quality=False,
        misspellings=typos,
        against=[exam],
        dev=0.2,
        test=0.2,
        part=25,
    )


def kept(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {path.stem: [row.values for row in rows_of([path])] for path in sorted(folder.glob("*.jsonl"))}


def test_each_kind_of_dirt_is_removed_for_its_reason(plan: Cleaning) -> None:
    found = clean(plan)
    wanted = ("duplicate", "near duplicate", "empty", "short", "language", "contaminated")
    assert found["removed"] == dict.fromkeys(wanted, 1)
    with (plan.out / "removed.csv").open(encoding="utf-8", newline="") as sheet:
        reasons = {line["id"]: line["reason"] for line in csv.DictReader(sheet)}
    assert {reasons[one["id"]] for one in DIRTY if one["id"] != "near"} <= set(wanted)
    assert reasons["leak"] == "contaminated"
    assert (found["before"]["texts"], found["after"]["texts"], found["kept"]) == (66, 60, 60)
    assert json.loads((plan.out / "report.json").read_text(encoding="utf-8")) == found
    assert not (plan.out / "work").exists()


def test_texts_are_mended_not_only_removed(plan: Cleaning) -> None:
    found = clean(plan)
    texts = {row["id"]: row["text"] for side in kept(plan.out).values() for row in side}
    assert texts["3"].endswith("Write to <EMAIL>, receive an answer.")
    assert (found["changed"]["masked"], found["changed"]["spelling"]) == (1, 1)


def test_the_split_keeps_groups_together_and_is_the_same_each_time(plan: Cleaning) -> None:
    clean(plan)
    sides = kept(plan.out)
    books = [{row["book"] for row in rows} for rows in sides.values()]
    assert sum(map(len, books)) == len(set().union(*books)) == 6
    assert [side_of("a text", 0.2, 0.2), side_of("a text", 0.2, 0.2)] == ["train"] * 2
    counts = [side_of(str(n), 0.1, 0.2) for n in range(2000)]
    assert 0.08 < counts.count("dev") / 2000 < 0.12
    assert 0.17 < counts.count("test") / 2000 < 0.23


def test_an_interrupted_cleaning_continues_and_ends_alike(plan: Cleaning, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Cleaning(**{**vars(plan), "out": plan.out / "whole"})
    clean(whole)
    mend, count = cleaning._mend, 0

    def killed(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count == 40:
            raise KeyboardInterrupt
        mend(*arguments)

    parts = Cleaning(**{**vars(plan), "out": plan.out / "parts"})
    monkeypatch.setattr(cleaning, "_mend", killed)
    with pytest.raises(KeyboardInterrupt):
        clean(parts)
    assert count == 40
    clean(parts)
    assert count == 40 + 66 - 25  # the first part was not done again
    assert kept(parts.out) == kept(whole.out)


def test_another_cleaning_in_the_same_folder_is_refused(plan: Cleaning) -> None:
    clean(plan)
    with pytest.raises(UsageError, match="holds cleaned data already"):
        clean(plan)


def test_nothing_left_says_why(plan: Cleaning) -> None:
    with pytest.raises(UsageError, match=r"Nothing is left of 66 rows: short \(65\)"):
        clean(Cleaning(**{**vars(plan), "least_words": 1000}))


def test_quality_rules_catch_what_is_no_prose() -> None:
    from training.data.filters import Text, of_quality

    judge = of_quality(10)
    menu = {"text": "\n".join(f"- lemonade special {NOUNS[n % 12]}" for n in range(40))}
    assert "bullet" in str(judge(Text("1", menu, ("text",))))
    prose = "The mayor of the town opened a new library, and those that came to see it could stay with their children."
    assert judge(Text("2", {"text": prose}, ("text",))) is None


def test_words_of_short_and_long_evaluation_texts_are_found(tmp_path: Path) -> None:
    from training.data.contamination import Contamination

    path = tmp_path / "exam.jsonl"
    lines = [EXAM, "where is my parcel", "who wrote the first book about northern lights"]
    path.write_text("".join(json.dumps({"input": line}) + "\n" for line in lines), encoding="utf-8")
    exam = Contamination([path])
    assert exam.found_in([f"He asked: {EXAM.title()}!"])
    assert exam.found_in(["Where is my parcel?"])
    assert exam.found_in(["So who wrote the first book about northern lights, then?"])
    assert not exam.found_in(["Where is my parcel, please?", "who wrote the first book about southern lights"])


PERSONAL = {
    "Mail j.doe+x@mail.example.co.uk now": "Mail <EMAIL> now",
    "Call +49 30 1234 5678 today": "Call <PHONE> today",
    "Pay to DE89 3704 0044 0532 0130 00.": "Pay to <IBAN>.",
    "Card 4111 1111 1111 1111 expired": "Card <CARD> expired",
    "From 8.8.8.8 to us": "From <IP> to us",
}
HARMLESS = [
    "Version 1.2.3 of 10.0.0.1",
    "from 1914 to 1918 in 12 parts",
    "on 2024-05-17 at 12:30",
    "4111 1111 1111 1112 is none",
]


@pytest.mark.parametrize("text", PERSONAL)
def test_personal_data_is_masked(text: str) -> None:
    assert mask_personal(text) == (PERSONAL[text], 1)


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_that_name_nobody_stay(text: str) -> None:
    assert mask_personal(text)[0] == text


def test_characters_are_normalised() -> None:
    assert normalise("cafe\u0301\r\n\x00a  \n\n\n\n\nb\u200b ") == "café\na\n\n\nb"


def test_spelling_keeps_capitals() -> None:
    assert repair_spelling("Teh TEH teh tehx", {"teh": "the"}) == ("The THE the tehx", 3)


def test_the_commands_print_json(
    plan: Cleaning, rows: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["data", "stats", str(rows), "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert (counted["texts"], counted["languages"]) == (66, {"en": 1.0})
    arguments = ["--out", str(tmp_path / "s"), "--group", "book", "--dev", "0.3", "--test", "0"]
    assert run(["data", "split", str(rows), *arguments, "--json"]) == 0
    sizes = json.loads(capsys.readouterr().out)
    assert sizes["train.jsonl"] + sizes["dev.jsonl"] == 64  # without the repeat and the empty one
    exam = str(next(iter(plan.against)))
    arguments = ["--out", str(tmp_path / "c"), "--against", exam, "--language", "en", "--min-words", "5"]
    assert run(["data", "clean", str(rows), *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == 60


def test_baselines_beat_the_majority(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "labelled.jsonl"
    kinds = {"refund": "give the money for order {} back to me", "parcel": "parcel {} was never delivered here"}
    lines = [{"text": say.format(n), "label": label} for n in range(60) for label, say in kinds.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert run(["data", "baseline", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(found[name]["accuracy"] == 1.0 for name in ("bag", "tfidf", "lemmas", "static"))
    assert found["majority"]["accuracy"] < 0.7
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[::2]), encoding="utf-8")
    assert run(["data", "baseline", str(path), "--json"]) == 2
    assert "only the label 'refund'" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_lemmas_and_stop_words() -> None:
    from training.data.words import content_words

    assert content_words("The children were running to their houses") == ["child", "run", "house"]


def test_a_teacher_of_any_provider_writes_a_file_and_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "taught.jsonl"
    prompts.write_text('{"prompt": "Say one"}\n{"prompt": "Say two"}\n', encoding="utf-8")
    command = ["data", "generate", str(prompts), "--model", "fake:echo", "--out", str(out), "--json"]
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 2
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["prompt"] for row in rows] == ["Say one", "Say two"]
    assert all(row["completion"] for row in rows)
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(out), "written": 0, "failed": 0, "there_before": 2}


def test_runs_of_words_have_the_same_number_only_where_they_are_the_same() -> None:
    draw = random.Random(2)  # noqa: S311
    found = [draw.choice(NOUNS) for _ in range(400)] + ["Straße", "naïve", "日本"]
    runs = [tuple(found[start : start + 3]) for start in range(len(found) - 2)]
    numbers = run_hashes(found, 3).tolist()
    assert len(numbers) == len(runs)
    assert len(set(zip(numbers, runs, strict=True))) == len(set(numbers)) == len(set(runs))
    assert len(run_hashes(found[:2], 3)) == 0


def test_near_duplicates_are_those_datatrove_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datatrove.pipeline.dedup.minhash import MinhashDedupSignature

    texts = [essay(number) + " Ünïcödé " + essay(number + 100) for number in range(12)]
    texts += [text.replace("Ünïcödé", "unicode") for text in texts[:4]] + [essay(3)]
    part = tmp_path / "part-00000.jsonl"
    part.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    found = []
    for name in ("ours", "theirs"):
        if name == "theirs":
            plain = functools.partial(MinhashDedupSignature, language=word_tokenizer())
            monkeypatch.setattr(near, "_signature", plain)
        search = near.NearDuplicates(tmp_path / name)
        search.find([part], ("text",))
        found.append(search.removed(0))
    assert found[0] == found[1] == {12, 13, 14, 15}
