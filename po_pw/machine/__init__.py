"""What this computer can bear: memory, disk, time, and whether it stays awake."""
