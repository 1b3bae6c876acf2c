"""Set-up from a clone: standard library alone, because it runs before anything is installed."""
