"""A task of the user's own, from a YAML file and JSON lines."""
