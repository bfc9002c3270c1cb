"""What has happened, in SQLite."""
