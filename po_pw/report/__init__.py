"""`report.html`: what a run did, as one page that opens from disk without a network."""
