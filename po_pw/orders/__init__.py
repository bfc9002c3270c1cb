"""Spreadsheets to purchase orders."""
