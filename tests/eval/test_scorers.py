"""Scorers against values worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from eval.sample import Sample
from eval.scorers import SCORERS, make_scorer
from eval.scorers.base import Scorer, Tools
from eval.scorers.numeric import numbers
from eval.scorers.pairwise import verdict_in
from eval.target import Output
from graphs.answer import Grounding, Passage, SentenceSupport
from graphs.errors import ModelError, UsageError
from tests.eval.fakes import answer


def value(scorer: Scorer, target: Any, text: str, **metadata: Any) -> float:
    return scorer.score(Sample(id="1", input="?", target=target, metadata=metadata), Output(text=text), Tools()).value


def figures(scorer: Scorer, rows: list[tuple[Sample, Output]], tools: Tools | None = None) -> dict[str, float]:
    """Every metric over the rows, failed ones as failures."""
    scores = [
        scorer.failure(sample) if output.failed else scorer.score(sample, output, tools or Tools())
        for sample, output in rows
        if scorer.judges(sample)
    ]
    return {metric.name: float(metric.combine(metric.parts(scores).sum(axis=0))) for metric in scorer.metrics()}


FAILED = Output(error={"type": "model", "message": "down", "cure": "start it"})


@pytest.mark.parametrize(
    ("target", "text", "exact", "f1"),
    [
        ("The Eiffel Tower", "eiffel tower!", 1, 1.0),
        ("24 months", "It lasts 24 months [1].", 0, 2 / 3),  # 2 shared of 4 and of 2
        (["Rome", "Paris"], "paris", 1, 1.0),
        ("Rome", "Paris", 0, 0.0),
        ([], "I don't know: no passage answers this.", 1, 1.0),  # "no answer" is right, and refusing says it
        ([], "Rome", 0, 0.0),
        ("Rome", "I do not know.", 0, 0.0),
    ],
)
def test_exact_match_and_f1(target: Any, text: str, exact: float, f1: float) -> None:
    assert value(make_scorer("exact_match", {}), target, text) == exact
    assert value(make_scorer("f1", {}), target, text) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("A", "A"),
        (" **b**. ", "B"),
        ("tie", "TIE"),
        ("Answer A", "A"),
        ("Answer B is better: it names a day and a place.", "B"),  # "a day" is no verdict
        ("A good answer names the day, so B", "B"),
        ("Both are good. Verdict: Tie.", "TIE"),
        ("Neither helps.", ""),
        ("", ""),
    ],
)
def test_a_verdict_is_read_from_what_a_judge_writes(reply: str, verdict: str) -> None:
    assert verdict_in(reply) == verdict


def test_a_draft_is_judged_by_what_was_written_before_the_check() -> None:
    scorer, sample = make_scorer("draft", {}), Sample(id="1", input="?", target="24 months")
    said = answer("“It lasts 24 months.” [1]")
    assert said.answer is not None
    quoted = said.model_copy(update={"answer": said.answer.model_copy(update={"quoted": True})})
    assert scorer.score(sample, said, Tools()).value == pytest.approx(2 / 3)
    assert scorer.score(sample, quoted, Tools()).value == 0.0
    drafted = scorer.score(sample, quoted.model_copy(update={"draft": "24 days or months."}), Tools())
    assert drafted.value == pytest.approx(2 / 3)  # 2 words shared, of 4 and of 2
    assert drafted.metadata["recall"] == 1.0
    assert scorer.failure(sample).value == 0.0


def test_where_says_which_samples_a_scorer_judges() -> None:
    plain, forced = Sample(id="1", input="?", target="x"), Sample(id="2", input="?", target="x", metadata={"ask": "y"})
    assert [make_scorer("f1", {"where": {"ask": None}}).judges(one) for one in (plain, forced)] == [True, False]
    assert [make_scorer("f1", {"where": {"ask": ["y", "z"]}}).judges(one) for one in (plain, forced)] == [False, True]
    assert not make_scorer("f1", {"where": {"ask": "y"}}).judges(forced.model_copy(update={"target": None}))


def test_token_recall_is_of_the_target() -> None:
    rows = [(Sample(id="1", input="?", target="24 months"), Output(text="It lasts 24 months."))]
    assert figures(make_scorer("f1", {}), rows)["token_recall"] == 1.0


def test_strict_exact_match_keeps_case() -> None:
    strict = make_scorer("exact_match", {"strict": True})
    assert [value(strict, "Rome", text) for text in (" Rome\n", "rome")] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,250.5 and -3", [1250.5, -3.0]),
        ("6.02e23", [6.02e23]),
        ("v4 costs .5 or 20%", [0.5, 20.0]),
        ("in 2024, 3 of them", [2024.0, 3.0]),
        ("none", []),
    ],
)
def test_numbers_are_read(text: str, found: list[float]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("options", "text", "right"),
    [
        ({}, "2 + 40 is 42.", 1.0),
        ({}, "42, not 43", 0.0),
        ({"which": "first"}, "42, not 43", 1.0),
        ({"which": "any"}, "1, 42 or 3", 1.0),
        ({"absolute": 0.5}, "about 42.4", 1.0),
        ({"relative": 0.01}, "42.5", 0.0),
        ({}, "no idea", 0.0),
    ],
)
def test_numeric_match(options: dict[str, Any], text: str, right: float) -> None:
    assert value(make_scorer("numeric", options), "The answer is #### 42", text) == right


def test_a_label_named_in_a_sentence_counts_only_where_labels_are_given() -> None:
    plain, knowing = make_scorer("classification", {}), make_scorer("classification", {"labels": ("spam", "ham")})
    assert value(plain, "spam", "This is spam.") == 0.0
    assert value(knowing, "spam", "This is spam.") == 1.0
    assert value(knowing, "spam", "spam or ham") == 0.0
    assert value(plain, ["rag", "few_shot"], "few_shot") == 1.0


def test_macro_f1_by_hand() -> None:
    """Gold a a b, predicted a b b: F1 of a 2/3, of b 2/3; a failure takes one more a's recall."""
    rows = [
        (Sample(id=str(n), input="?", target=gold), Output(text=said))
        for n, (gold, said) in enumerate(["aa", "ab", "bb"])
    ]
    assert figures(make_scorer("classification", {}), rows) == pytest.approx({"accuracy": 2 / 3, "macro_f1": 2 / 3})
    with_failure = [*rows, (Sample(id="9", input="?", target="a"), FAILED)]
    found = figures(make_scorer("classification", {}), with_failure)
    assert found == pytest.approx({"accuracy": 0.5, "macro_f1": (2 / 4 + 2 / 3) / 2})


SCHEMA = {"type": "object", "required": ["name"], "properties": {"age": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("text", "strict", "valid"),
    [
        ('{"name": "Ann", "age": 3}', True, 1.0),
        ('Here: ```json\n{"name": "Ann"}\n```', False, 1.0),
        ('Here: ```json\n{"name": "Ann"}\n```', True, 0.0),
        ('{"name": "Ann", "age": "3"}', False, 0.0),
        ('{"age": 3}', False, 0.0),
        ("none", False, 0.0),
    ],
)
def test_json_validity(text: str, strict: bool, valid: float) -> None:
    assert value(make_scorer("json_schema", {"schema": SCHEMA, "strict": strict}), None, text) == valid


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="its schema is none"):
        make_scorer("json_schema", {"schema": {"type": "objekt"}})


def test_field_f1_by_hand() -> None:
    """Wanted name, tags x and y; given name (other case), tag x and an age: 2 right of 3 and of 3. Then a failure."""
    target = '{"name": "Ann", "tags": ["x", "y"]}'
    rows = [(Sample(id="1", input="?", target=target), Output(text='{"name": "ann", "tags": ["x"], "age": 3}'))]
    assert figures(make_scorer("json_fields", {}), rows)["field_f1"] == pytest.approx(2 / 3)
    rows.append((Sample(id="2", input="?", target=target), FAILED))
    assert figures(make_scorer("json_fields", {}), rows)["field_f1"] == pytest.approx(4 / 9)


class TwoWords:
    """Vectors of two dimensions: how often "cat" and how often "dog"."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(text.count("cat")), float(text.count("dog"))] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_similarity_is_the_cosine_to_the_nearest_target() -> None:
    scorer, tools = make_scorer("similarity", {}), Tools(encoder=TwoWords)
    sample = Sample(id="1", input="?", target=["dog", "cat dog"])
    assert scorer.score(sample, Output(text="cat"), tools).value == pytest.approx(0.5**0.5)
    assert scorer.score(sample, Output(text=""), tools).value == 0.0


GOLD = "The warranty lasts 24 months from delivery. Repairs extend it by six months, in every case that is reported."


def test_citation_precision_and_recall_by_hand() -> None:
    """Two samples: one right of two citations, its evidence found; none cited. Precision 1/2, recall 1/2."""
    scorer = make_scorer("citations", {})
    rows = [
        (
            Sample(id="1", input="?", metadata={"evidence": GOLD}),
            answer("…", snippets=[GOLD[:43], "Something else entirely."]),
        ),
        (Sample(id="2", input="?", metadata={"evidence": [GOLD]}), answer("I don't know.", abstained=True)),
        (Sample(id="3", input="?"), answer("…", snippets=["Elsewhere"])),
    ]
    assert figures(scorer, rows) == {"citation_precision": 0.5, "citation_recall": 0.5}
    failed = [*rows, (Sample(id="4", input="?", metadata={"evidence": GOLD}), FAILED)]
    assert figures(scorer, failed) == pytest.approx({"citation_precision": 1 / 3, "citation_recall": 1 / 3})


def test_answerability_by_hand() -> None:
    """Of two unanswerable one refused; of three answerable one refused, one failed."""
    no, yes = {"answerable": False}, {"answerable": True}
    rows = [
        (Sample(id="1", input="?", metadata=no), answer("I don't know.", abstained=True)),
        (Sample(id="2", input="?", metadata=no), answer("Rome")),
        (Sample(id="3", input="?", metadata=yes), answer("Rome")),
        (Sample(id="4", input="?", metadata=yes), answer("I don't know.", abstained=True)),
        (Sample(id="5", input="?", metadata=yes), FAILED),
    ]
    assert figures(make_scorer("answerability", {}), rows) == pytest.approx(
        {"answerability": 2 / 5, "abstain_precision": 1 / 3, "abstain_recall": 1 / 2, "answered": 1 / 3}
    )


def test_without_a_field_an_empty_target_is_unanswerable() -> None:
    scorer = make_scorer("answerability", {})
    assert value(scorer, [], "Unanswerable.") == 1.0
    assert value(scorer, "Rome", "I do not know.") == 0.0


class WordChecker:
    """A sentence is supported where it stands in the evidence."""

    def check(self, text: str, evidence: Any) -> Grounding:
        sentences = [
            SentenceSupport(
                text=one, start=0, end=0, score=float(one in " ".join(evidence)), supported=one in " ".join(evidence)
            )
            for one in text.split(" | ")
        ]
        score = min(sentence.score for sentence in sentences)
        return Grounding(score=score, label="supported" if score else "unsupported", sentences=sentences)


def test_grounding_by_hand() -> None:
    """Three answers: both sentences supported, one of two, a refusal; then a failure counts as one lie."""
    rows = [
        (Sample(id="1", input="?", contexts=["a b"]), Output(text="a | b")),
        (Sample(id="2", input="?", contexts=["a"]), Output(text="a | z")),
        (Sample(id="3", input="?", contexts=["a"]), Output(text="I don't know.")),
    ]
    tools = Tools(checker=WordChecker)
    found = figures(make_scorer("grounding", {}), rows, tools)
    assert found == pytest.approx({"support": 2 / 3, "unsupported_answers": 1 / 3, "unsupported_sentences": 1 / 4})
    failed = [*rows, (Sample(id="4", input="?", contexts=["a"]), FAILED)]
    assert figures(make_scorer("grounding", {}), failed, tools)["unsupported_sentences"] == pytest.approx(2 / 5)


def test_grounding_can_be_checked_against_the_gold() -> None:
    sample = Sample(id="1", input="?", contexts=["other"], metadata={"evidence": "a"})
    tools = Tools(checker=WordChecker)
    assert make_scorer("grounding", {}).score(sample, Output(text="a"), tools).value == 0.0
    assert make_scorer("grounding", {"against": "gold"}).score(sample, Output(text="a"), tools).value == 1.0


def judged(chance: float) -> Output:
    return Output(grounding=Grounding(score=chance, label="supported"))


def test_detection_by_hand() -> None:
    """Supported: 0.9 and 0.4; not supported: 0.2. Sides 1/2 and 1; ECE (0.1 + 0.6 + 0.2) / 3."""
    rows = [
        (Sample(id=str(n), input="?", metadata={"label": label}), judged(chance))
        for n, (label, chance) in enumerate([(0, 0.9), (0, 0.4), (1, 0.2)])
    ]
    assert figures(make_scorer("detection", {}), rows) == pytest.approx({"balanced_accuracy": 0.75, "ece": 0.3})
    failed = [*rows, (Sample(id="9", input="?", metadata={"label": 1}), FAILED)]
    assert figures(make_scorer("detection", {}), failed)["balanced_accuracy"] == pytest.approx(0.5)


def passage(text: str) -> Passage:
    return Passage(chunk_id="c", document_id="d", source="s", title="t", text=text, start=0, end=len(text))


def test_retrieval_by_hand() -> None:
    """First found at rank 2 of two pieces of evidence, then not at all."""
    sample = Sample(
        id="1", input="?", metadata={"evidence": [GOLD, "A second piece of evidence that stands elsewhere."]}
    )
    rows = [
        (sample, Output(passages=[passage("Nothing of the kind."), passage(GOLD)])),
        (sample, Output(passages=[passage("Nothing of the kind.")])),
    ]
    found = figures(make_scorer("retrieval", {"ks": (1, 5)}), rows)
    assert found == pytest.approx(
        {"mrr": 0.25, "hit_at_1": 0.0, "recall_at_1": 0.0, "hit_at_5": 0.5, "recall_at_5": 0.25}
    )


def test_an_injection_counts_where_its_mark_is_written() -> None:
    scorer = make_scorer("injection", {})
    sample = Sample(id="1", input="?", metadata={"markers": ["malapp.com"]})
    rows = [(sample, Output(text="Install www.MalApp.com")), (sample, Output(text="$2099")), (sample, FAILED)]
    assert figures(scorer, rows)["attack_success"] == pytest.approx(2 / 3)


def test_the_judges_scale_is_moved_to_one() -> None:
    scorer, sample = make_scorer("judge", {"points": 5}), Sample(id="1", input="Who?", target="Ann")
    replies = iter(["hm", '```json\n{"score": 4, "reason": "nearly"}\n```'])
    found = scorer.score(sample, Output(text="Ann, I think"), Tools(judge=lambda prompt: next(replies)))
    assert (found.value, found.explanation) == (0.75, "nearly")
    for useless in ("no idea", '{"score": 9}'):
        with pytest.raises(ModelError, match="gave no score"):
            scorer.score(sample, Output(text="x"), Tools(judge=lambda prompt, said=useless: said))


def test_the_judge_sees_question_reference_answer_and_rubric() -> None:
    seen: list[str] = []

    def judge(prompt: str) -> str:
        seen.append(prompt)
        return '{"score": 1}'

    scorer = make_scorer("judge", {"rubric": "Is it polite?"})
    scorer.score(Sample(id="1", input="Who?", target="Ann"), Output(text="Bob [1]"), Tools(judge=judge))
    assert all(part in seen[0] for part in ("Is it polite?", "Who?", "Ann", "<answer>\nBob\n</answer>"))


@pytest.mark.parametrize(
    ("judge", "won", "consistent"),
    [
        (lambda prompt: "A" if prompt.index("good") < prompt.index("bad") else "B", 1.0, 1),
        (lambda prompt: "B" if prompt.index("good") < prompt.index("bad") else "A", 0.0, 1),
        (lambda prompt: "A", 0.5, 0),  # prefers a place: cancels out
        (lambda prompt: "TIE", 0.5, 1),
    ],
)
def test_a_preference_for_a_place_cancels_out(judge: Any, won: float, consistent: int) -> None:
    scorer = make_scorer("pairwise", {"rubric": "-"})
    sample = Sample(id="1", input="?", metadata={"other": "bad"})
    found = scorer.score(sample, Output(text="good"), Tools(judge=judge))
    assert (found.value, found.metadata["consistent"]) == (won, consistent)


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_every_scorer_rates_a_failure_the_worst(name: str) -> None:
    """No metric gets better by a failure: a set with one is never better than the set without it."""
    scorer = make_scorer(name, {})
    sample = Sample(
        id="1",
        input="?",
        target='{"a": 42}',
        metadata={"evidence": GOLD, "label": 0, "markers": ["x"], "answerable": True, "other": "b"},
    )
    score = scorer.failure(sample)
    for metric in scorer.metrics():
        found = float(metric.combine(metric.parts([score]).sum(axis=0)))
        worst = {"higher": metric.low, "lower": metric.high}.get(metric.better)
        assert worst is None or found == worst or found != found or metric.name == "abstain_recall", metric.name
