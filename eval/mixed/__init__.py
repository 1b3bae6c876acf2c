"""A mixed set of requests of every sort, to learn and judge which path answers which; and what counts as right."""
