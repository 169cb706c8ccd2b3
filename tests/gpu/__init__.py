"""The prepared check of a GPU: `python -m tests.gpu OUT`; and its tests, `pytest -m gpu tests/gpu -n0`."""
