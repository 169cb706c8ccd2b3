"""This machine: what it is, what this process may use of it, and who else is using it."""
