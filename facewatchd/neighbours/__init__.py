"""The neighbour graph of an archive that is too large to compare all faces with all faces, and how it is kept."""
