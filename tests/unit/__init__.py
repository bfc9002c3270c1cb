"""Tests without a browser: seconds."""
