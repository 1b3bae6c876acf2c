"""Experts' grades: which answers are worth a look, what was thought of them, and the training data that comes of it."""
