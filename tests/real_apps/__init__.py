"""Applications that nobody here wrote, with records and files of ours: pages that `po-pw` was not built for."""
