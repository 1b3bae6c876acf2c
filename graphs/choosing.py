"""The learned choice: of the paths that clear the user's bar the cheapest, with a reason that is true.

Rules stay where they are exact: a chosen path, passages that were brought along, a tool that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from graphs.answer import Expected, Path, RouteDecision
from graphs.context import Context, Router
from graphs.effort import PLANS

if TYPE_CHECKING:
    from graphs.routing import Probe

BAR = 0.5
"""Chance from which on the documents are taken to be what a question is about."""
LIKELY = 0.25
"""Below this chance no path is to be expected to do well; documents that are near are searched then."""
_SIBLING: dict[Path, Path] = {"tuned": "zero_shot", "tuned_rag": "rag"}
"""Whose chance a path is given while nothing was measured of it."""
_WORDS: dict[Path, str] = {
    "zero_shot": "the model alone",
    "few_shot": "the model with worked examples",
    "rag": "an answer from your documents",
    "tuned": "the tuned model",
    "tuned_rag": "the tuned model with your documents",
}


def choose_learned(
    router: Router,
    context: Context,
    paths: Sequence[Path],
    seen: Mapping[str, float],
    vector: Sequence[float],
    probe: Probe | None,
) -> RouteDecision:
    """The decision over `paths` by learned chances; a path nothing is known of is never taken."""
    scores = _scores(router.chances(seen, vector), paths)
    expected = {path: value for path in scores if (value := _expected(path, router, context)) is not None}
    able = {path: chance for path, chance in scores.items() if path in _WORDS}
    clears = _clears(able, PLANS[context.limits.effort].share, context)
    path = min(clears, key=lambda one: _price(expected.get(one)))
    reason = _reason(path, able, clears, expected, probe)
    if probe is not None and (searched := _searched(able, probe)):
        path = searched
        near = f"“{probe.best}” has a passage {probe.similarity:.0%} alike"
        reason = f"No path is likely to do well on this, but {near}, so the documents are searched."
    return RouteDecision(
        path=path,
        reason=reason,
        confidence=scores[path],
        scores=scores,
        learned=router.model == context.model_name,
        expected=expected,
        seen=dict(seen),
    )


def _searched(able: Mapping[Path, float], probe: Probe) -> Path | None:
    """The path from documents, where no path is likely to do well and the documents are about the question."""
    if max(able.values()) >= LIKELY or probe.chance < BAR:
        return None
    paths: tuple[Path, ...] = ("tuned_rag", "rag")
    return next((path for path in paths if path in able), None)


def _scores(chances: Mapping[Path, float], paths: Sequence[Path]) -> dict[Path, float]:
    return {path: chances.get(path, chances.get(_SIBLING.get(path, path), 0.0)) for path in paths}


def _clears(able: Mapping[Path, float], share: float, context: Context) -> list[Path]:
    """The paths within reach of the likeliest. A tuned model that was set goes before the model it was tuned from."""
    best = max(able.values())
    clears = [path for path, chance in able.items() if chance >= share * best]
    if context.tuned is not None:
        for tuned, plain in _SIBLING.items():
            if tuned in clears and plain in clears:
                clears.remove(plain)
    return clears


def _expected(path: Path, router: Router, context: Context) -> Expected | None:
    """What a path lately took in this home, else what it took where the router was learned."""
    return context.expected.get(path) or router.expected.get(path) or router.expected.get(_SIBLING.get(path, path))


def _price(expected: Expected | None) -> tuple[float, float]:
    return (expected.cost_usd, expected.seconds) if expected else (0.0, float("inf"))


def _reason(
    path: Path,
    able: Mapping[Path, float],
    clears: Sequence[Path],
    expected: Mapping[Path, Expected],
    probe: Probe | None,
) -> str:
    """One sentence that says what decided."""
    best = max(able, key=lambda one: able[one])
    near = _nearest(path, probe)
    said = f"{near}{_WORDS[path]} is expected to do well on {able[path]:.0%} of requests like this"
    others = [one for one in clears if one != path]
    if path != best and path in expected and best in expected:
        said += f", nearly as often as {_WORDS[best]} ({able[best]:.0%}), and takes less"
    elif not others:
        said += ", more than any other path"
    else:
        said += ", and no path that does as well takes less"
    return f"{said[0].upper()}{said[1:]}."


def _nearest(path: Path, probe: Probe | None) -> str:
    if probe is None or path not in ("rag", "tuned_rag"):
        return ""
    return f"the nearest passage, in “{probe.best}”, is {probe.similarity:.0%} alike; "
