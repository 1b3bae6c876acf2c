"""People: accounts and roles, sessions and tokens, the log of who did what, and people's rights to their data."""
