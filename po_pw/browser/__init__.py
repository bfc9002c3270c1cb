"""Browsers: contexts, pages, downloads by click, and the press guard."""
