"""One order while it is leased: reading its page, fetching its files, settling it; and what the workers share."""
