"""Decides which worker gets which order, when and how often. No browser."""
