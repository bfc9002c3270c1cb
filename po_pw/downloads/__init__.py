"""Downloads files and verifies them."""
