"""Making models: data, trainers, exports, and the registry that records them."""
