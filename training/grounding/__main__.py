"""`python -m training.grounding RECIPE [--set key=value …]`: learn the grounding checker's weights."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import yaml

from training.grounding.train import load_recipe, train_grounding


def main() -> int:
    """Run the recipe named on the command line and print its metrics."""
    parser = argparse.ArgumentParser(prog="python -m training.grounding", description="Learn the grounding weights.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a key of the recipe")
    arguments = parser.parse_args()
    overrides = {key: yaml.safe_load(value) for key, _, value in (item.partition("=") for item in arguments.set)}
    recipe = load_recipe(arguments.recipe, overrides)
    metrics = train_grounding(recipe, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    print(json.dumps(metrics, indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
