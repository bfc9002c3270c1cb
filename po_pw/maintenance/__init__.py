"""Output directories after the run: their status, their verification, their repair."""
