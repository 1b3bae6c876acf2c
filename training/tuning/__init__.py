"""Adapting models that exist: fine-tuning, preferences, rewards, and heads on encoders."""
