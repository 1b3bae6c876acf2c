"""A verdict as text for a terminal, Markdown for a pull request, JUnit XML for CI, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

from eval.gate import Check, Verdict

_WORDS = {"pass": "passed", "fail": "failed", "none": "gave no verdict"}
_MARKS = {"pass": "✓", "fail": "✗", "none": "?"}


def as_text(verdict: Verdict) -> str:
    """A line for each check, and the verdict with its reasons last."""
    lines = [f"{_MARKS[check.outcome]} {check.text}" for check in verdict.checks]
    lines.append(f"The gate {_WORDS[verdict.verdict]}: suite {verdict.suite}, run {verdict.run}{_against(verdict)}.")
    if verdict.verdict != "pass":
        lines += [f"  {reason}" for reason in verdict.reasons]
    return "\n".join(lines)


def as_markdown(verdict: Verdict) -> str:
    """A heading, the reasons, and a table of all checks."""
    lines = [f"### Evaluation gate {_WORDS[verdict.verdict]} — `{verdict.suite}`", ""]
    if verdict.verdict != "pass":
        lines += [*(f"- {reason}" for reason in verdict.reasons), ""]
    lines += ["| | metric | value | bar or baseline | what was found |", "|---|---|---:|---:|---|"]
    for check in verdict.checks:
        other = check.bar if check.kind == "threshold" else check.baseline
        text = check.text.replace("|", "\\|")
        lines.append(f"| {_MARKS[check.outcome]} | {check.name} | {_number(check.value)} | {_number(other)} | {text} |")
    lines += ["", f"Run `{verdict.run}`{_against(verdict)}."]
    return "\n".join(lines)


def as_junit(verdict: Verdict) -> str:
    """A test suite with a case for each check; no verdict counts as an error."""
    cases = [_case(check, verdict.suite) for check in verdict.checks]
    if not cases:
        cases = [_case(Check(name="gate", kind="precondition", outcome="none", text=verdict.reasons[0]), verdict.suite)]
    failures = sum(check.outcome == "fail" for check in verdict.checks)
    errors = sum("<error" in case for case in cases)
    head = f'<testsuite name={quoteattr("crossroads eval " + verdict.suite)} tests="{len(cases)}"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'{head} failures="{failures}" errors="{errors}">',
            *cases,
            "</testsuite>",
        ]
    )


def _case(check: Check, suite: str) -> str:
    start = f"  <testcase classname={quoteattr(f'{suite}.{check.kind}')} name={quoteattr(check.name)}"
    if check.outcome == "pass":
        return f"{start}><system-out>{escape(check.text)}</system-out></testcase>"
    tag = "failure" if check.outcome == "fail" else "error"
    return f"{start}><{tag} message={quoteattr(check.text)}>{escape(check.text)}</{tag}></testcase>"


def _against(verdict: Verdict) -> str:
    return f", against baseline {verdict.baseline}" if verdict.baseline else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


FORMATS: dict[str, Callable[[Verdict], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "junit": as_junit,
    "json": lambda verdict: verdict.model_dump_json(indent=1),
}
