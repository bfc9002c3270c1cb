"""Ways of reading an order."""
