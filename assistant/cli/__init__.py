"""The commands, one file each. Imported at every start, so heavy imports stand inside functions."""
