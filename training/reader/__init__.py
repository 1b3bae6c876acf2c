"""The reader: an encoder that says whether a passage answers a question, and where. See `training.reader.train`."""
