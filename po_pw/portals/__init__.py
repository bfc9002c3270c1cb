"""What each portal looks like."""
