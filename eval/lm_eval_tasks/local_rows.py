"""The rows behind the task files of this folder: public sets in the folder `CROSSROADS_DATA` names, or rows beside it.

lm-eval imports this file by its path, as it does the helpers of its own tasks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from eval.public_data import data_file
from eval.sample import read_rows
from eval.wikitext import detokenise

_OPTIONS = re.compile(r"Answer(\d+): (.*?)(?= Answer\d+: |\n\nAnswer format)", re.DOTALL)


def public(name: str, **_: Any) -> dict[str, Any]:
    """The rows of a public set as the split `test`."""
    return _split(data_file(name))


def beside(file: str, **_: Any) -> dict[str, Any]:
    """The rows of a file in this folder, or of any file by its whole path, as the split `test`."""
    return _split(Path(__file__).resolve().parent / file)


def _split(path: Path) -> dict[str, Any]:
    import datasets

    return {"test": datasets.Dataset.from_list([row for _, row in read_rows(path)])}


def numbered(rows: Any) -> Any:
    """Rows whose question and options stand in one `instruction`, taken apart into `question`, `choices` and `gold`."""
    return rows.map(_apart, remove_columns=rows.column_names)


def _apart(row: dict[str, Any]) -> dict[str, Any]:
    instruction = row["instruction"]
    question = instruction.split("\n\nAnswer1: ")[0].partition(": ")[2].strip()
    options = [text.strip() for _, text in _OPTIONS.findall(instruction)]
    return {"question": question, "choices": options, "gold": int(row["answer"].removeprefix("answer")) - 1}


def articles(rows: Any) -> Any:
    """WikiText's articles without the blank rows between them."""
    return rows.filter(lambda row: bool(row["text"].strip()))


def article(row: dict[str, Any]) -> str:
    """An article with its tokenisation undone."""
    return detokenise(row["text"])


def article_results(row: dict[str, Any], results: Any) -> dict[str, tuple[float, int]]:
    """Log-likelihood with the article's words and bytes as the source has them, as lm-eval's own task counts them."""
    (nats,) = results
    words, size = len(re.split(r"\s+", row["text"])), len(row["text"].encode("utf-8"))
    return {"word_perplexity": (nats, words), "byte_perplexity": (nats, size), "bits_per_byte": (nats, size)}


def several_true(row: dict[str, Any], results: Any) -> dict[str, float]:
    """The share of probability on true statements (TruthfulQA's MC2; Lin et al. 2022), whatever their order."""
    import numpy as np

    nats = np.array([nats for nats, _ in results])
    chances = np.exp(nats - nats.max())
    true = np.array(row["mc2_targets"]["labels"]) == 1
    return {"acc": float(chances[true].sum() / chances.sum())}
