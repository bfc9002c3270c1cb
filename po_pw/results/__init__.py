"""The result tables for users."""
