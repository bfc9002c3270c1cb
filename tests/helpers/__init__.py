"""Helpers shared by several tests: sites, values, waiting."""
