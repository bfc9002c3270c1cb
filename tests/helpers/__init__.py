"""What several tests need: sites, values, waiting."""
