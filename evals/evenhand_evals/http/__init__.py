"""The evaluation's HTTP: connections, patience, streams, and the shapes that travel."""
