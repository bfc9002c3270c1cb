"""Bytes to proven files in their folders."""
