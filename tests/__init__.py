"""A package, so that no other `tests` on the path of this Python stands before it."""
