"""Other systems on the same work: `python -m tests.peers` times them side by side and prints the ratios."""
