"""What is told of a run that did not end ok."""


def first_line(error: str | None) -> str | None:
    """The first line of a recorded error; None where it says nothing. A library's story may follow."""
    lines = (error or "").strip().splitlines()
    return lines[0] if lines else None
