"""Status, verification and repair of output directories."""
