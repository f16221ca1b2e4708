"""The model at the other end: what it is, and how each engine is asked for what a task needs."""
