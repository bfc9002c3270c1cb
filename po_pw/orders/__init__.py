"""Reads purchase orders from spreadsheets."""
