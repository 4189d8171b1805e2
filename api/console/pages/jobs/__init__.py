"""Jobs: the list of them, actions on many, and each with its outputs."""
