"""`python -m training.reader RECIPE [--set key=value …]`: train or continue the reader."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from training.reader.recipe import load_recipe
from training.reader.train import train_reader


def main() -> int:
    """Run the recipe named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.reader", description="Train or continue the reader.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a key of the recipe")
    arguments = parser.parse_args()
    overrides = {key: yaml.safe_load(value) for key, _, value in (item.partition("=") for item in arguments.set)}
    train_reader(load_recipe(arguments.recipe, overrides), lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
