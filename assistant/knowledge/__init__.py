"""The knowledge base: documents in, passages out, every citation to the character."""
