"""Runs: processes a list of orders with several workers."""
