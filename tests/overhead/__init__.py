"""What measuring costs: `python -m tests.overhead` times the meters, and what surrounds a run's training."""
