"""The journal: an SQLite database of runs, orders and files."""
