"""The evaluation harness: samples, scorers, statistics and the gate. Takes its target as an argument."""
