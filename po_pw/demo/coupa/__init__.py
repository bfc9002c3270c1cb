"""A demo Coupa tenant on this computer, with the public structure of Coupa's pages and our own texts."""
