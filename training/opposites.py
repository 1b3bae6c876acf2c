"""Pairs of words that turn a statement or a question into its opposite. Light to import."""

from __future__ import annotations

_PAIRS = (
    "first last|before after|most least|largest smallest|highest lowest|more fewer|increase decrease|early late|"
    "earliest latest|north south|east west|northern southern|eastern western|male female|oldest youngest|"
    "began ended|begin end|start finish|started stopped|won lost|gained lost|inside outside|minimum maximum|"
    "allowed forbidden|accepted rejected|support oppose|supported opposed|increased decreased|major minor|best worst|"
    "public private|above below|upper lower|higher lower|larger smaller|older newer|old new|long short|rich poor|"
    "always never|many few|same different|strong weak|positive negative|arrived left|born killed|buy sell|"
    "successful failed|legal illegal|possible impossible|known unknown|common rare|majority minority|included excluded|"
    "created destroyed|built demolished|founded dissolved|joined left|hot cold|wet dry|good bad|enemy ally"
)
OPPOSITES: dict[str, str] = {}
for _pair in _PAIRS.split("|"):
    _one, _other = _pair.split()
    OPPOSITES.setdefault(_one, _other)
    OPPOSITES.setdefault(_other, _one)
