"""Web applications by other people, with our records and files: pages that `po-pw` was not built for."""
