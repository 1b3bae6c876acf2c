"""What operators see of a running service: metrics for Prometheus and a log in JSON lines, neither with any text."""
