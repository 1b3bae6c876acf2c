"""Models: versions trained here, what each measures, which is live, and why another cannot go live."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from assistant.improving.watch import take_back
from assistant.ui.ours import from_our_page, refused
from assistant.ui.tabs import improving
from assistant.ui.tabs.tab import Tab
from graphs.errors import CrossroadsError
from training.registry import ModelVersion, Promotion, Registry, why_not

if TYPE_CHECKING:
    from assistant.app import Assistant

NAME = "models"
STYLE = f'<link rel="stylesheet" href="ui/static/tabs/{NAME}.css">'
_FIRST = ("f1", "accuracy", "margin", "reward", "mrr", "perplexity", "loss")


class Named(BaseModel):
    """A version; `override` says why it may go live without the gate."""

    name: str
    version: str = ""
    override: str = ""


def fragment(assistant: Assistant, query: Mapping[str, str]) -> str:
    """Every model's versions; with `model` and `version` one version's card."""
    registry = _registry(assistant)
    if query.get("model"):
        drawn = _lineage(assistant, registry.show(query["model"], query.get("version", "")))
        return f'{STYLE}<div class="models">{_card(registry, query["model"], query.get("version", ""), drawn)}</div>'
    cycle = improving.panel(assistant)
    names = registry.names()
    if not names:
        said = "No model has been trained here yet. What a run under Training makes stands here."
        return f'{STYLE}<div class="models">{cycle}<p class="faint">{said}</p></div>'
    return f'{STYLE}<div class="models">{cycle}{"".join(_model(assistant, registry, name) for name in names)}</div>'


def routes(router: APIRouter, assistant: Assistant) -> None:
    """Promote and roll back."""
    registry = _registry(assistant)
    improving.routes(router, assistant)

    @router.post("/promote", dependencies=[Depends(from_our_page)])
    def promote(named: Named) -> Any:
        """Make a version live."""
        try:
            return {"version": registry.promote(named.name, named.version, named.override).version}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/rollback", dependencies=[Depends(from_our_page)])
    def rollback(named: Named) -> Any:
        """Bring the version back that was live before."""
        try:
            stands_in = named.name == assistant.settings.improve.name
            back = take_back(registry, named.name, "by a person on the page", stands_in=stands_in)
            return {"version": back.version if back.state == "live" else back.base}
        except CrossroadsError as error:
            return refused(error)


def _registry(assistant: Assistant) -> Registry:
    return Registry(assistant.settings.home / "models")


def _model(assistant: Assistant, registry: Registry, name: str) -> str:
    versions = sorted(registry.list(name), key=lambda version: version.created, reverse=True)
    stands_in = name == assistant.settings.improve.name
    back = (stands_in or bool(registry.earlier(name))) and any(v.state == "live" for v in versions)
    button = (
        f'<button type="button" class="button" data-do="rollback" data-name="{escape(name)}">Roll back</button>'
        if back
        else ""
    )
    head = "<tr><th>Version</th><th>State</th><th>Kind</th><th>Figures</th><th>Gate</th><th></th></tr>"
    rows = "".join(_line(version, improving.action(version, assistant)) for version in versions)
    return (
        f'<section><div class="row"><h2>{escape(name)}</h2>{button}</div>'
        f'<div class="table-wrap"><table>{head}{rows}</table></div></section>'
    )


def _line(version: ModelVersion, tried: str) -> str:
    name, number = escape(version.name), escape(version.version)
    why = why_not(version)
    if version.state == "live":
        action = '<strong class="live">live</strong>'
    else:
        grey = f' disabled aria-describedby="why-{name}-{number}"' if why else ""
        named = f'data-name="{name}" data-version="{number}"'
        action = f'<button type="button" class="button" data-do="promote" {named}{grey}>Promote</button>'
        if why:
            action += (
                f'<p class="faint" id="why-{name}-{number}">Not yet: {escape(why)}. '
                f'<button type="button" class="quiet" data-do="override" {named}>Promote all the same …</button></p>'
            )
    gate = version.gate.verdict if version.gate else "not asked"
    mark = ' class="chosen"' if version.state == "live" else ""
    return (
        f'<tr{mark}><td><a href="./?tab={NAME}&amp;model={name}&amp;version={number}">{number}</a></td>'
        f"<td>{version.state}</td><td>{escape(version.kind)}</td><td>{_figures(version.metrics)}</td>"
        f"<td>{gate}</td><td>{action}{tried}</td></tr>"
    )


def _figures(metrics: Mapping[str, float]) -> str:
    """The figure that counts, with its gain and interval where they were measured."""
    for name in _FIRST:
        if name in metrics:
            text = f"{name} {metrics[name]:.4g}"
            gain = f"{name}_gain"
            if gain in metrics:
                low, high = metrics[f"{gain}_low"], metrics[f"{gain}_high"]
                text += f" ({metrics[gain]:+.3g}, {low:+.3g} to {high:+.3g})"
            elif f"{name}_low" in metrics:
                text += f" ({metrics[f'{name}_low']:.4g} to {metrics[f'{name}_high']:.4g})"
            return escape(text)
    return escape(", ".join(f"{name} {value:.4g}" for name, value in [*metrics.items()][:2]))


def _lineage(assistant: Assistant, version: ModelVersion) -> str:
    """The graph of what stands behind a version, and the same in words."""
    from assistant.http.lineage_page import graph, sections
    from assistant.improving.lineage import of_model

    found = of_model(assistant, f"local:{version.name}@{version.version}")
    details = f"<details><summary>The same in words</summary>{sections(found)}</details>"
    return f"<h2>Where it comes from</h2>{graph(found)}{details}"


def _card(registry: Registry, name: str, number: str, drawn: str) -> str:
    from training.card import card

    version = registry.show(name, number)
    body = card(version).split("---\n", 2)[-1].strip()
    history = "".join(f"<li>{escape(step.when)}: {_went(step)}</li>" for step in registry.history(name))
    told = f"<h2>When what went live</h2><ul>{history}</ul>" if history else ""
    top = f'<p><a href="./?tab={NAME}">All models</a></p>{drawn}'
    return f'{top}<h2>Card</h2><pre class="card">{escape(body)}</pre>{told}'


def _went(step: Promotion) -> str:
    said = step.override or step.why
    why = f": {escape(said)}" if said else ""
    if not step.version:
        return f"withdrawn, what it was trained from answers again{why}"
    how = "rolled back to" if step.rollback else f"gate {step.verdict}"
    return f"version {escape(step.version)} went live, {how}{why}"


TAB = Tab(NAME, "Models", fragment, routes, needs="models", changes="models:promote")
