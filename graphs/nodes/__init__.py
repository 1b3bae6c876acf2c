"""The steps of the chat graph, one file a phase. `graphs/chat.py` wires them."""
