"""Questions of count, sum, average, extremes and filter, answered by computing on a loaded table."""
