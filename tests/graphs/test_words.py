import pytest

from graphs.words import content_words, coverage, first_repeat, sentence_spans


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("See e.g. Fig. 3 for Dr. Smith's plot. Done.", ["See e.g. Fig. 3 for Dr. Smith's plot.", "Done."]),
        ("It costs 3.50 euros. Cheap.", ["It costs 3.50 euros.", "Cheap."]),
        ("- first\n- second\n\nthird", ["- first", "- second", "third"]),
        ("He said “Stop.” Then he left.", ["He said “Stop.”", "Then he left."]),
        (
            "This line wraps\nbecause the page is narrow. Next.",
            ["This line wraps\nbecause the page is narrow.", "Next."],
        ),
        ("Warranty\nThe warranty lasts long.", ["Warranty", "The warranty lasts long."]),
        ("# Heading\nText follows.", ["# Heading", "Text follows."]),
        (
            "A first long paragraph without a full stop at its end\n\nnext",
            ["A first long paragraph without a full stop at its end", "next"],
        ),
        ("  padded  ", ["padded"]),
        ("", []),
    ],
)
def test_sentences_are_exact_spans(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


def test_content_words_meet_across_endings() -> None:
    assert content_words("the tuned models") & content_words("tuning a model")


def test_coverage_counts_content_words_only() -> None:
    assert coverage("What is the warranty?", ["The warranty lasts."]) == 1.0
    assert coverage("warranty price", ["The warranty lasts."]) == 0.5
    assert coverage("what is the", ["the"]) == 0.0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One is so. Two is so. One is so. Three.", "One is so. Two is so. "),
        ("One is so. One is s", "One is so. One is s"),
        ("One is so. Two is so.", "One is so. Two is so."),
        ("Autumn: a leaf left alone, a leaf left alone, a leaf left alone", "Autumn: a leaf left alone, "),
        ("very very very good", "very very very good"),
    ],
)
def test_a_loop_is_cut_where_it_begins(text: str, kept: str) -> None:
    assert text[: first_repeat(text)] == kept
