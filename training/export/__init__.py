"""A trained model in the format another engine reads, with proof that it answers alike."""
