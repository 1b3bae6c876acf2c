"""`crossroads eval`: measure models, answers and paths, and compare them."""

from __future__ import annotations

import typer

from assistant.cli import (
    eval_compare,
    eval_detector,
    eval_gate,
    eval_judge,
    eval_lm,
    eval_new,
    eval_perplexity,
    eval_report,
    eval_run,
)

app = typer.Typer(help="Measure models, answers and paths, and compare them.", no_args_is_help=True)
app.command("run")(eval_run.run)
app.command("new")(eval_new.new)
app.command("gate")(eval_gate.gate)
app.command("perplexity")(eval_perplexity.perplexity)
app.command("lm-eval")(eval_lm.lm_eval)
app.command("detector")(eval_detector.detector)
app.command("compare")(eval_compare.compare)
app.command("report")(eval_report.report)
app.command("track")(eval_report.track)
app.command("judge")(eval_judge.judge)
