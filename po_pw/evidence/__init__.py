"""Evidence of why an order failed: its page's screenshot, source and console errors, with secrets removed."""
