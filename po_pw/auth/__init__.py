"""Signs in to portals."""
