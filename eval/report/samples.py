"""Samples one by one: the worst of a run, and those that came out differently in another run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from eval.record import SampleRecord
from graphs.answer import Evidence, SentenceSupport

WORST, DIFFERING = 20, 40


def quality_of(record: SampleRecord) -> float:
    """The mean of a sample's scores; a failed one is below all others."""
    if record.output.failed or not record.scores:
        return -1.0 if record.output.failed else 1.0
    return sum(score.value for score in record.scores.values()) / len(record.scores)


def worst_samples(records: Sequence[SampleRecord], most: int = WORST) -> str:
    """The samples with the lowest scores, each with its answer, evidence and marked sentences."""
    order = sorted((record for record in records if quality_of(record) < 1.0), key=quality_of)[:most]
    if not order:
        return '<p class="quiet">Every sample has the best score there is.</p>'
    return "".join(sample_details(record) for record in order)


def sample_details(record: SampleRecord, opened: bool = False) -> str:
    """One sample, folded."""
    scores = ", ".join(f"{name} {score.value:.2f}" for name, score in record.scores.items())
    state = "failed" if record.output.failed else scores
    why = "".join(
        f'<p class="quiet">{escape(name)}: {escape(score.explanation)}</p>'
        for name, score in record.scores.items()
        if score.explanation
    )
    return (
        f"<details{' open' if opened else ''}><summary>{escape(_short(record.sample.input))} "
        f'<span class="quiet">{escape(state)}</span></summary>{_whole(record.sample.input)}'
        f"{_target(record)}{answer_html(record)}{_draft(record)}{why}{_evidence(record)}"
        f'<p class="quiet">Sample {escape(record.sample.id)}</p></details>'
    )


def _short(text: str, most: int = 110) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else plain[:most].rsplit(" ", 1)[0] + " …"


def _whole(text: str) -> str:
    """The question where the summary does not hold all of it."""
    return "" if _short(text) == text else f"<p>{escape(text)}</p>"


def _draft(record: SampleRecord) -> str:
    """What the model had written, where something else stands in its place."""
    if not record.output.draft:
        return ""
    return (
        f'<p class="quiet">The model had written:</p><div class="evidence">{escape(record.output.draft.strip())}</div>'
    )


def _target(record: SampleRecord) -> str:
    target = record.sample.target
    if not target:
        return '<p><span class="quiet">Expected:</span> that it says it does not know</p>' if target == "" else ""
    said = target if isinstance(target, str) else " / ".join(target)
    return f'<p><span class="quiet">Expected:</span> {escape(said)}</p>'


def answer_html(record: SampleRecord) -> str:
    """The answer with its unsupported sentences marked, and how it came about; or the error."""
    if record.output.error:
        error = record.output.error
        said = escape(f"{error.get('message', '')} {error.get('cure', '')}")
        return f'<div class="answer"><b>Failed:</b> {said}</div>'
    answer = record.output.answer
    grounding = answer.grounding if answer else record.output.grounding
    body = marked(record.output.text, grounding.sentences if grounding else [])
    how = f"{answer.route.path}: {answer.route.reason}" if answer else ""
    support = f" · {grounding.label} ({grounding.score:.2f})" if grounding else ""
    said = f'<p class="quiet">{escape(how)}{support} · {record.output.seconds:.2f} s</p>'
    return f'<div class="answer">{body or "<i>nothing</i>"}</div>{said}'


def marked(text: str, sentences: Sequence[SentenceSupport]) -> str:
    """The text as HTML, sentences without support underlined and said to be so."""
    shown, at = "", 0
    for sentence in sorted(sentences, key=lambda each: each.start):
        if sentence.start < at or sentence.end > len(text):
            continue  # offsets of another text: better unmarked than wrongly marked
        shown += escape(text[at : sentence.start])
        piece = escape(text[sentence.start : sentence.end])
        shown += piece if sentence.supported else f'<span class="weak">{piece}</span>'
        at = sentence.end
    return shown + escape(text[at:])


def _evidence(record: SampleRecord) -> str:
    answer = record.output.answer
    if answer and answer.evidence:
        kept = [item for item in answer.evidence if item.kept]
        shown = kept or answer.evidence[:3]  # a refusal can only be judged by what was dropped
        pieces = [(_title(item), item.passage.text) for item in shown]
        left = len(answer.evidence) - len(shown)
        note = f'<p class="quiet">{left} further passages were looked at and dropped.</p>' if left else ""
    else:
        pieces = [(passage.title, passage.text) for passage in record.output.passages[:3]]
        pieces = pieces or [(f"given {n}", text) for n, text in enumerate(record.sample.contexts or [], start=1)]
        note = ""
    texts = "".join(f'<div class="evidence"><b>{escape(title)}</b>\n{escape(text)}</div>' for title, text in pieces)
    return texts + note


def _title(item: Evidence) -> str:
    title = item.passage.title or item.passage.source
    return title if item.kept else f"{title} (dropped: {item.why})"


@dataclass(frozen=True)
class Difference:
    """One sample in two runs."""

    before: SampleRecord
    after: SampleRecord

    @property
    def change(self) -> float:
        """How much better it came out, over the scorers both runs have."""
        shared = [name for name in self.after.scores if name in self.before.scores]
        gains = [self.after.scores[name].value - self.before.scores[name].value for name in shared]
        if self.before.output.failed != self.after.output.failed:
            gains.append(1.0 if self.before.output.failed else -1.0)
        return sum(gains) / len(gains) if gains else 0.0


def differences(before: Sequence[SampleRecord], after: Sequence[SampleRecord]) -> list[Difference]:
    """The samples of both runs whose answer or score differs, the largest change first."""
    known = {(record.sample.id, record.repeat): record for record in before}
    pairs = [Difference(known[key], record) for record in after if (key := (record.sample.id, record.repeat)) in known]
    changed = [pair for pair in pairs if pair.change or pair.before.output.text != pair.after.output.text]
    return sorted(changed, key=lambda pair: (-abs(pair.change), pair.change, pair.after.sample.id))


def difference_details(pairs: Sequence[Difference], most: int = DIFFERING) -> str:
    """Each differing sample with both answers, what was taken out and put in marked."""
    if not pairs:
        return '<p class="quiet">Every sample came out the same.</p>'
    shown = "".join(_pair(pair) for pair in pairs[:most])
    more = f'<p class="quiet">{len(pairs) - most} smaller differences are not shown.</p>' if len(pairs) > most else ""
    return shown + more


def _pair(pair: Difference) -> str:
    kind = "better" if pair.change > 0 else "worse" if pair.change < 0 else "same score"
    css = kind if pair.change else "quiet"
    old, new = _text(pair.before), _text(pair.after)
    return (
        f"<details><summary>{escape(_short(pair.after.sample.input))} "
        f'<span class="{css}">{kind} {pair.change:+.2f}</span></summary>{_target(pair.after)}'
        f'<div class="pair"><div><p class="quiet">Before</p><div class="answer">{_struck(old, new, "del")}</div></div>'
        f'<div><p class="quiet">Now</p><div class="answer">{_struck(old, new, "ins")}</div></div></div></details>'
    )


def _text(record: SampleRecord) -> str:
    return f"Failed: {record.output.error.get('message', '')}" if record.output.error else record.output.text


def _struck(old: str, new: str, tag: str) -> str:
    """One side of a comparison word by word."""
    before, after = (re.findall(r"\S+\s*", text) for text in (old, new))
    shown = ""
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        words = before[a:b] if tag == "del" else after[c:d]
        piece = escape("".join(words))
        shown += piece if kind == "equal" or not piece else f"<{tag}>{piece}</{tag}>"
    return shown
