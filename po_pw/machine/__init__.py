"""This computer's resources: memory, disk space, clocks, sleep."""
