"""`crossroads eval`: measure models, answers and paths, and compare them."""

from __future__ import annotations

import typer

from assistant.cli import eval_gate, eval_lm, eval_new, eval_perplexity, eval_run

app = typer.Typer(help="Measure models, answers and paths, and compare them.", no_args_is_help=True)
app.command("run")(eval_run.run)
app.command("new")(eval_new.new)
app.command("gate")(eval_gate.gate)
app.command("perplexity")(eval_perplexity.perplexity)
app.command("lm-eval")(eval_lm.lm_eval)
