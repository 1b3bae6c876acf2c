"""A small model taught by a larger one: by its probabilities, or on what the small one writes itself."""
