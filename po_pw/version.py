"""The version of po-pw."""

__version__ = "0.1.0"
