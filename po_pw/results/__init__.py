"""What came of it, for people."""
