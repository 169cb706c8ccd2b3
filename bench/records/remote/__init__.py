"""Results kept on a file system elsewhere: written to this machine first, and uploaded meanwhile."""
