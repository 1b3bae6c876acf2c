"""The HTTP API and the document viewer, on the page's port."""
