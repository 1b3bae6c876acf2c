"""From grades to a better model, step by step: the cycle, its canary, what is watched while it is live, its lineage."""
