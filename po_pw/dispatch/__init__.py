"""Which order is worked on when, by whom, and how often: decisions, without a browser."""
