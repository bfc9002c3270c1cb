"""What the person can look at to see why an order was not recognised: screenshot and source, secrets removed."""
