"""The stages of the check: each module's `run(check)` writes its part of the report."""
