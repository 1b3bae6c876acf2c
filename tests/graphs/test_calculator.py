import pytest

from graphs.calculator import calculate, find_arithmetic


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("what is 17 percent of 240?", "40.8"),
        ("What's 12 * (3 + 4)?", "84"),
        ("calculate 2^10", "1024"),
        ("square root of 2", "1.41421356237"),
        ("How much is 1,250,000 divided by 8", "156250"),
        ("7 times 6", "42"),
        ("3 x 4", "12"),
        ("10 − 4", "6"),
        ("9 squared plus 1", "82"),
    ],
)
def test_arithmetic_in_words_and_signs_is_worked_out(message: str, value: str) -> None:
    expression = find_arithmetic(message)
    assert expression is not None
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "message",
    [
        "How long is the warranty?",
        "what happened on 2024-11-21?",
        "2024-11-21",
        "call 555-123-4567",
        "version 1.2.3",
        "11/09/2001",
        "what is the answer to question 5?",
        "42",
        "__import__('os').system('true')",
    ],
)
def test_what_is_no_arithmetic_is_left_alone(message: str) -> None:
    assert find_arithmetic(message) is None


@pytest.mark.parametrize("expression", ["1/0", "9**9**9**9", "sqrt(-1)", "(1+", "2**100000000"])
def test_what_has_no_value_gives_none(expression: str) -> None:
    assert calculate(expression) is None
