"""A procurement portal to try things on: a real HTTP server on this machine."""
