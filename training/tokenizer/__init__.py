"""Learning a tokenizer from text: byte-level BPE, WordPiece or Unigram."""
