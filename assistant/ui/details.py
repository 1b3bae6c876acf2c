"""What stands behind an answer, for whoever clicks on the quiet line: our words are allowed here."""

from __future__ import annotations

from assistant.ui.words import PATH_WORDS, money, place, seconds
from assistant.ui.words import text as safe
from graphs.answer import Answer, Path

STEPS = (
    ("route", "Choosing the path"),
    ("retrieve", "Searching"),
    ("first_token", "Until the first word"),
    ("generate", "Writing"),
    ("verify", "Checking"),
    ("total", "Altogether"),
)


def details(answer: Answer) -> str:
    """Everything the record of an answer holds, in sections."""
    parts = (_reason, _paths, _steps, _tried, _evidence, _examples, _facts)
    return "".join(part(answer) for part in parts)


def _reason(answer: Answer) -> str:
    asked = "You asked for this path. " if answer.route.forced else ""
    return (
        f"<p>{asked}{safe(answer.route.reason)} "
        f'<span class="faint">(<code>{safe(answer.route.path)}</code>, '
        f"confidence {answer.route.confidence:.0%})</span></p>"
    )


def _paths(answer: Answer) -> str:
    route = answer.route
    known: list[Path] = [path for path in PATH_WORDS if path in route.scores or path in route.expected]
    if not known:
        return ""
    rows = "".join(_path_row(answer, path) for path in sorted(known, key=lambda path: -route.scores.get(path, 0.0)))
    return (
        '<h4>Paths, and what each was expected to take</h4><div class="table" tabindex="0"><table class="paths"><thead>'
        '<tr><th>Path</th><th>Chance</th><th class="number">Time</th><th class="number">Cost</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _path_row(answer: Answer, path: Path) -> str:
    chance, expected = answer.route.scores.get(path), answer.route.expected.get(path)
    bar = "–"
    if chance is not None:
        bar = f'<meter min="0" max="1" value="{chance:.3f}">{chance:.0%}</meter> {chance:.0%}'
    taken = ' class="taken" aria-current="true"' if path == answer.route.path else ""
    time = seconds(expected.seconds * 1000) if expected else "–"
    cost = money(expected.cost_usd) if expected else "–"
    return (
        f"<tr{taken}><td>{safe(PATH_WORDS[path])}</td><td>{bar}</td>"
        f'<td class="number">{time}</td><td class="number">{cost}</td></tr>'
    )


def _steps(answer: Answer) -> str:
    timed = [(words, getattr(answer.timing, name)) for name, words in STEPS]
    shown = [(words, value) for words, value in timed if value > 0]
    if not shown:
        return ""
    longest = max(value for _, value in shown)
    rows = "".join(
        f'<tr><td>{words}</td><td><meter min="0" max="1" value="{value / longest:.3f}"></meter></td>'
        f'<td class="number">{seconds(value)}</td></tr>'
        for words, value in shown
    )
    return f'<h4>Steps</h4><table class="steps"><tbody>{rows}</tbody></table>'


def _tried(answer: Answer) -> str:
    """What was tried on the way: a search again, a sentence taken back, a path left."""
    items = "".join(f"<li>{safe(step.text)}</li>" for step in answer.steps)
    return f'<h4>What was tried</h4><ol class="plain">{items}</ol>' if items else ""


def _examples(answer: Answer) -> str:
    """The worked examples the model was shown, the nearest last as it saw them."""
    items = "".join(
        f"<li><bdi>{safe(example.input)}</bdi> → <bdi>{safe(example.output)}</bdi> "
        f'<span class="faint">similarity {example.similarity:.2f}</span></li>'
        for example in answer.examples
    )
    return f'<h4>Worked examples shown</h4><ul class="plain">{items}</ul>' if items else ""


def _evidence(answer: Answer) -> str:
    if not answer.evidence:
        return ""
    items = "".join(
        f'<li><a href="#" data-cite="e{index}"><bdi>{safe(place(item.passage))}</bdi></a> '
        f"<b>{'kept' if item.kept else 'dropped'}</b>: {safe(item.why)} "
        f'<span class="faint">similarity {item.passage.similarity:.2f}</span></li>'
        for index, item in enumerate(answer.evidence)
    )
    return f'<h4>Passages looked at</h4><ul class="plain">{items}</ul>'


def _facts(answer: Answer) -> str:
    facts = [("Model", answer.model), ("Searched as", answer.question)]
    if answer.grounding is not None:
        facts.append(("Support", f"{answer.grounding.score:.0%} ({answer.grounding.label})"))
    facts.append(("Tokens", f"{answer.usage.prompt_tokens:,} read, {answer.usage.completion_tokens:,} written"))
    facts.append(("Cost", money(answer.usage.cost_usd)))
    if answer.prompt is not None:
        facts.append(("Prompt", f"{answer.prompt.name} {answer.prompt.version} ({answer.prompt.sha256[:12]})"))
    facts.append(("Trial", "answered by a candidate on trial" if answer.arm == "canary" else ""))
    facts.append(("Answer", answer.answer_id))
    more = (
        f'<p><a href="runs/{safe(answer.thread_id)}" target="_blank">Every step, with prompts</a></p>'
        if answer.thread_id
        else ""
    )
    if answer.answer_id:
        more += f'<p><a href="lineage/{safe(answer.answer_id)}" target="_blank">Where it comes from</a></p>'
    rows = "".join(f"<dt>{name}</dt><dd dir='auto'>{safe(value)}</dd>" for name, value in facts if value)
    return f"<h4>Record</h4><dl>{rows}</dl>{more}"
