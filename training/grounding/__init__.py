"""The grounding checker's features and how their weights are learnt. Importable without torch or scikit-learn."""
