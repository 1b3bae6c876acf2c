"""Does an export answer as the model does? If not, which part differs: template, tokenizer, special tokens, weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.targets import Messages, Reference, Target

PROBES = (
    "The quick brown fox.",
    "In 1984, 3.14159 and 1,000,000 were numbers.",
    "naïve café — “quoted” …",
    "日本語と한국어",
    "def f(x):\n    return x ** 2\n",
    "  leading and   inner spaces  ",
    "🙂 emoji 👩\u200d🔬",
    "don't we'll I'VE",
    "\n\n\nlines\n",
    "<|im_end|> inside",
    "Ünïcödé ﬁ ligature",
    "a",
    " ",
    "A much longer sentence that goes on for quite a while, so that merges of every length are used, including unusual "
    "ones such as antidisestablishmentarianism.",
)
QUESTIONS = tuple(
    f"{ask} {what}?"
    for ask in ("What is", "Why do people use", "How does one begin with", "Name a good example of", "Who first needed")
    for what in (
        "a model", "an index", "the sea", "a warranty", "the number 42",
        "a recipe", "music", "a library", "the moon", "software",
    )
)  # fmt: skip
"""Fifty, of which an answer's wording does not matter, only that both give the same."""


@dataclass(frozen=True)
class Bars:
    """How near an export has to be."""

    argmax_agreement: float = 0.999
    max_abs_diff: float = 0.05
    kl: float = 1e-4
    perplexity_ratio: float = 1.002
    same_answers: float = 1.0


EXACT = Bars()
HALF = Bars(argmax_agreement=0.99, max_abs_diff=0.5, kl=1e-3, perplexity_ratio=1.005, same_answers=0.9)
EIGHT = Bars(argmax_agreement=0.92, max_abs_diff=3.0, kl=0.02, perplexity_ratio=1.03, same_answers=0.4)
FOUR = Bars(argmax_agreement=0.80, max_abs_diff=12.0, kl=0.2, perplexity_ratio=1.25, same_answers=0.0)


@dataclass
class Parity:
    """The report. `differs` names what is not alike, most telling first; empty where it passed."""

    argmax_agreement: float
    max_abs_diff: float
    kl: float
    perplexity_ratio: float
    same_answers: float
    answers: int
    tokens: int
    differs: list[str] = field(default_factory=list)
    bars: Bars = EXACT
    few_bits: float = 1.0
    """Share of the weights that have as few bits as was asked for; the others, which lose most, have eight."""

    @property
    def passed(self) -> bool:
        """Whether it may be released."""
        return not self.differs

    @property
    def only_weights(self) -> bool:
        """Whether it failed, and by nothing but weights that are too far off: more bits may help."""
        return bool(self.differs) and all(one.startswith("weights:") for one in self.differs)

    def as_json(self) -> dict[str, Any]:
        """All of it, `passed` too."""
        return {**asdict(self), "passed": self.passed}


def compare(
    reference: Reference,
    target: Target,
    texts: Sequence[str],
    bars: Bars = EXACT,
    *,
    questions: Sequence[str] = QUESTIONS,
    answer_tokens: int = 16,
    window: int = 256,
) -> Parity:
    """Hold `target` against `reference`: on texts (logits of the reference's ids), on probes of the tokenizer, on
    conversations (template), and on answers through each one's own template, tokenizer and weights."""
    figures = _weights(reference, target, texts, window)
    same = [_answers_alike(reference, target, one, answer_tokens) for one in questions]
    report = Parity(**figures, same_answers=sum(same) / max(1, len(same)), answers=len(same), bars=bars)
    report.differs = [*_text_faults(reference, target), *_weight_faults(report, reference, target)]
    if not report.differs and sum(same) < math.floor(bars.same_answers * len(same)):
        report.differs.append(f"answers: {report.same_answers:.0%} of {len(same)} are the same")
    return report


def _weights(reference: Target, target: Target, texts: Sequence[str], window: int) -> dict[str, Any]:
    agree = count = 0
    worst = divergence = ours = theirs = 0.0
    for text in texts:
        ids = [*reference.first, *reference.encode(text)][:window]
        if len(ids) < 2:
            continue
        ours_raw, theirs_raw = reference.logits(ids), target.logits(ids)
        theirs_raw = theirs_raw[:, : ours_raw.shape[1]]
        one, other = _log_chances(ours_raw), _log_chances(theirs_raw)
        agree += int((one.argmax(-1) == other.argmax(-1)).sum())
        worst = max(worst, float(np.abs(ours_raw - theirs_raw).max()))
        divergence += float((np.exp(one) * (one - other)).sum())
        following = (np.arange(len(ids) - 1), np.array(ids[1:]))
        ours, theirs = ours - float(one[:-1][following].sum()), theirs - float(other[:-1][following].sum())
        count += len(ids)
    steps = max(1, count - len(texts))
    return {
        "argmax_agreement": round(agree / max(1, count), 5),
        "max_abs_diff": round(worst, 6),
        "kl": round(divergence / max(1, count), 7),
        "perplexity_ratio": round(math.exp(min(50.0, (theirs - ours) / steps)), 6),
        "tokens": count,
    }


def _log_chances(raw: NDArray[np.float32]) -> NDArray[np.float64]:
    logits = raw.astype(np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def _answers_alike(reference: Reference, target: Target, question: str, tokens: int) -> bool:
    """Whether both write the same greedily, each behind its own prompt.

    One pass over prompt and the reference's answer tells: the target writes the same where each of the answer's tokens
    is the best one to it as well.
    """
    written = reference.write(_asked(reference, question), tokens)
    ended = written[-1] in reference.ends
    asked = _asked(target, question)
    best = target.logits([*asked, *written])[len(asked) - 1 : -1].argmax(-1).tolist()
    if ended and best[-1] not in target.ends:
        return False
    said = written[:-1] if ended else written
    return best[: len(said)] == said and target.decode(said) == reference.decode(said)


def _asked(target: Target, question: str) -> list[int]:
    prompt = target.render([{"role": "user", "content": question}])
    return [*(() if prompt else target.first), *target.encode(prompt or question)]


def _text_faults(reference: Target, target: Target) -> list[str]:
    faults = []
    if reference.first != target.first:
        faults.append(f"special tokens: {list(target.first)} is put before a text, not {list(reference.first)}")
    if reference.ends != target.ends:
        faults.append(f"special tokens: {sorted(target.ends)} end an answer, not {sorted(reference.ends)}")
    for text in PROBES:
        if reference.encode(text) != target.encode(text):
            faults.append(f"tokenizer: {text!r} gives other tokens")
            break
    for messages in _CONVERSATIONS:
        if reference.render(messages) != target.render(messages):
            faults.append(f"template: a conversation of {len(messages)} messages gives another prompt")
            break
    return faults


_CONVERSATIONS: tuple[Messages, ...] = (
    ({"role": "user", "content": "Hello"},),
    ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}),
    (
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "And  now?\n"},
    ),
)


_FIGURES = {"argmax_agreement": True, "max_abs_diff": False, "kl": False, "perplexity_ratio": False}
"""What is measured on logits → whether more is better."""


def _weight_faults(report: Parity, reference: Target, target: Target) -> list[str]:
    missed = []
    for name, at_least in _FIGURES.items():
        value, bar = getattr(report, name), getattr(report.bars, name)
        if not (value >= bar if at_least else value <= bar):
            missed.append(f"{name} {value:g} (bar {bar:g})")
    return [f"weights: {', '.join(missed)}{_which(reference, target)}"] if missed else []


def _which(reference: Target, target: Target) -> str:
    """Which tensors differ, and where it can be told, how."""
    if reference.tensors is None or target.tensors is None:
        return ""
    right, found = reference.tensors(), target.tensors()
    wrong = [name for name in sorted({*right, *found}) if _far(right.get(name), found.get(name))]
    if not wrong:
        return ""
    if {"token_embd.weight", "output.weight"} & set(wrong):
        return f"; embeddings: {', '.join(name for name in wrong if not name.startswith('blk.'))} differ"
    if all(name.endswith(("attn_q.weight", "attn_k.weight")) for name in wrong):
        return "; rotary permutation: only q and k differ"
    return f"; {len(wrong)} tensors differ, first {wrong[0]}"


def _far(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> bool:
    if one is None or other is None:
        return (one is None) != (other is None)
    if one.shape != other.shape:
        return True
    return float(np.abs(one - other).mean()) > 0.15 * float(np.abs(one).mean()) + 1e-6
