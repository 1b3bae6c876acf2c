"""What `bench/retrieval.py` measured, as the page of the documentation."""

from __future__ import annotations

from typing import Any

BASE = "hybrid"
"""The search every other one is compared with."""
FOLLOWS = "## What follows"
"""Where the words begin that people wrote below the tables: they stay when the tables are made anew."""


def page(report: dict[str, Any]) -> str:
    """The report as the page of the documentation."""
    lines = [
        "# How well passages are found",
        "",
        f"`python bench/retrieval.py {report['asked']}` made this page: {report['store']}, "
        f"`{report['model']}`, chunks of {report['chunk_tokens']} tokens, `knowledge.alpha` {report['alpha']}. "
        "The share of the vectors was chosen on these same sets: it is tuned on what it is shown with. "
        "Differences are those of nDCG@10 to the hybrid on the same questions, with the 95 % interval of a "
        "paired bootstrap. `bench/retrieval_sets.py` says what the sets are; recall@k is the share of the relevant "
        "chunks, of at most k, among the first k.",
    ]
    for name in dict.fromkeys(row["set"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["set"] == name and not row["name"].startswith("share ")]
        lines += ["", f"## {name}: {rows[0]['questions']} questions over {rows[0]['chunks']} chunks", ""]
        lines += ["| search | nDCG@10 | recall@3 | recall@10 | difference to the hybrid |", "|---|---:|---:|---:|---:|"]
        for row in rows:
            apart = "" if row["name"] == BASE else f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
            figures = f"{row['ndcg']:.3f} | {row['recall@3']:.3f} | {row['recall@10']:.3f}"
            few = f" ({row['questions']} questions)" if row["questions"] < rows[0]["questions"] else ""
            lines.append(f"| {row['name']}{few} | {figures} | {apart} |")
    below = report["below"] or ["The hybrid is at or above both of its halves on every set."]
    return "\n".join([*lines, "", *below, *_shares(report)]) + "\n"


def _shares(report: dict[str, Any]) -> list[str]:
    """A table of nDCG@10 by the share of the vectors, from words alone to vectors alone."""
    columns = {"BM25": 0.0, "vectors": 1.0, BASE: report["alpha"]}
    columns |= {
        row["name"]: float(row["name"].split()[1]) for row in report["rows"] if row["name"].startswith("share ")
    }
    order = sorted(columns, key=lambda name: columns[name])
    value = {(row["set"], row["name"]): f"{row['ndcg']:.3f}" for row in report["rows"]}
    heads = [f"{columns[name]:g}" + " (default)" * (name == BASE) for name in order]
    lines = ["", "## Other shares of the vectors", "", "nDCG@10 of the same questions, by `knowledge.alpha`.", ""]
    lines += ["| set | " + " | ".join(heads) + " |", "|---" + "|---:" * len(order) + "|"]
    for pool in dict.fromkeys(row["set"] for row in report["rows"]):
        lines.append(f"| {pool} | " + " | ".join(value.get((pool, name), "") for name in order) + " |")
    return lines
