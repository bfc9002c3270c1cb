"""Decides which worker gets which order, when, and how often. Does not use the browser."""
