"""`po-pw doctor`: checks everything that a run needs by using it."""
