"""Damaged inputs by the thousand: `python -m tests.fuzz` hands them to bench, which has to cope.

Everything that a case consists of follows from the seed, the kind and the case's number.
"""
