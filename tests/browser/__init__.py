"""Tests in a real browser, and of the program as a whole."""
