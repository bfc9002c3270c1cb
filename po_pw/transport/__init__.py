"""The HTTP client for files."""
