"""Rounds, order, placement, deadlines: which run happens when, and where."""
