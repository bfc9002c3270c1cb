"""Lanes: ways of reading an order."""
