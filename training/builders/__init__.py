"""Training rows made of what the user has: documents, grades, votes; checked, then shown for approval."""
