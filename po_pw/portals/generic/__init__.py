"""Reads the pages of any portal by the words, controls and lists that people recognise."""
