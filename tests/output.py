"""What a command may print, and how it may end."""

import re

from bench.views.visible import steers

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONGEST_LINE = 4_000
MOST_LINES = 12
"""Of standard error: a few notes and an error."""


class FlawError(Exception):
    """What a command printed, or its exit status, is none of what may come of it."""


def check_output(status, out, err, coloured=False, data=False, statuses=(0, 2)):
    """The line that a command refused by; None where it did not. Raises FlawError unless it ended as it may.

    That is with a result, or with status 2 and one line, before which others may say what was left out.
    `data`, for other programs, may hold any character.
    """
    if coloured:
        out, err = COLOUR.sub("", out), COLOUR.sub("", err)
    lines = err.splitlines()
    if "Traceback" in err:
        raise FlawError(f"a traceback on stderr, {lines[-1][:60]}: {err[-2_000:]}")
    if status not in statuses:
        raise FlawError(f"exit status {status}: {err[-2_000:]}")
    if flaw := flaw_of_lines(lines, status):
        raise FlawError(f"stderr {flaw}: {err[-2_000:]}")
    if not data and (unprintable := steering(out.replace("\r\n", "").replace("\n", ""))):
        raise FlawError(f"stdout with {unprintable}: {out[-2_000:]}")
    return lines[-1].removeprefix("bench: ") if status == 2 else None


def flaw_of_lines(lines, status):
    """What is wrong with what was written to standard error; empty where nothing is."""
    if flaw := next(filter(None, map(flaw_of_line, lines)), ""):
        return flaw
    if warning := re.search(r"\w*Warning\b", "\n".join(lines)):
        return f"with a {warning[0]}"
    if not all(line.startswith("bench: ") for line in lines):
        return "with a line of somebody else's"
    if len(lines) > MOST_LINES:
        return "of too many lines"
    return "without a line" if status == 2 and not lines else ""


def flaw_of_line(line):
    """What is wrong with a line that is to be printed; empty where nothing is."""
    if unprintable := steering(line):
        return f"with {unprintable}"
    if not line.strip():
        return "without a word"
    return "that is too long" if len(line) > LONGEST_LINE else ""


def steering(text):
    """The characters in `text` that do something else than to stand there to be seen."""
    return ", ".join(sorted({ascii(character) for character in text if steers(character)}))
