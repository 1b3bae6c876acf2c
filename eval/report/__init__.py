"""One run as one HTML file that needs nothing else: figures, slices, worst samples, differences from another run."""
