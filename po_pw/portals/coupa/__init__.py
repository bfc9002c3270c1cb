"""Coupa: orders, the attachments on their pages, and the requisitions behind them."""
