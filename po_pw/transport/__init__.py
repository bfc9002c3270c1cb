"""Our own HTTP client."""
