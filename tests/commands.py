"""The command in this process: its arguments in, its exit status and what it said out."""

import contextlib
import io
import sys
import traceback
from dataclasses import dataclass
from unittest import mock

from bench.cli import main

MOST_LINES = 12  # of standard error: a few notes and an error


@dataclass(frozen=True)
class Said:
    """What a command said; `error` ends with the traceback where there is one."""

    status: int | str | None
    output: str
    error: str

    @property
    def fine(self) -> bool:
        """Whether it gave a result, or refused in lines of its own."""
        lines = self.error.splitlines()
        ours = len(lines) <= MOST_LINES and all(line.startswith("bench: ") for line in lines)
        return ours and (self.status in (0, 1, None) or (self.status == 2 and bool(lines)))


def bench(*arguments: str) -> Said:
    """Runs `bench` with `arguments`, as a terminal of 80 columns would."""
    output, error = io.StringIO(), io.StringIO()
    status: int | str | None = None
    with (
        mock.patch.object(sys, "argv", ["bench", *arguments]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(error),
    ):
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        except Exception:
            status = "traceback"
            traceback.print_exc()
    return Said(status, output.getvalue(), error.getvalue())
