"""How to read the pages of each portal."""
