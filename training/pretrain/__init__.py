"""Pretraining from scratch, or going on from a model: GPT and LLaMA, BERT, T5."""
