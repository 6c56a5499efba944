"""The graph of neighbours of an archive too large to compare everybody with everybody, and how it is kept."""
