"""A browser, as this project needs one."""
