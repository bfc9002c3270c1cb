"""A Coupa tenant on this machine, built from the public structure of its pages, with texts of its own."""
