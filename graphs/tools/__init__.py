"""Tools: what there is, which of them a message asks for, and with what arguments.

Structure keeps data and instructions apart: tools and their arguments are chosen from the user's own words, before any
document is read or tool has run (the plan-then-execute pattern of Beurer-Kellner et al., 2025, arXiv:2506.08837).
Nothing a document or a tool says reaches the choice.
"""
