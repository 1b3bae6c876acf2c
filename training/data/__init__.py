"""Text before training: read, counted, cleaned, split, tokenised. Everything streams."""
