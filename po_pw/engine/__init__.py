"""The run: who works on which order, when, and how often."""
