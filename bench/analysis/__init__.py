"""Statistics over recorded runs: numbers in, values out."""
