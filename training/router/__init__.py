"""The router: from what is seen of a request to the chance that each path answers it well."""
