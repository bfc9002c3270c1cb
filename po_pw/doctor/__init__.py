"""Whether everything that a run needs is there, each thing tried for real."""
