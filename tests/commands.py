"""The command in this process: its arguments in, its exit status and what it said out."""

import contextlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from bench.cli import main
from tests.output import check_output


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    output: str
    error: str
    data: bool = False

    def refusal(self) -> str | None:
        """The line that it refused by; None where it gave a result. Raises FlawError where it did neither."""
        return check_output(self.status, self.output, self.error, data=self.data)


def bench(*arguments: object) -> Said:
    """Runs `bench` with `arguments`, as a terminal of 80 columns would; raises what the command does."""
    line = ["bench", *map(str, arguments)]
    with (
        tempfile.TemporaryDirectory() as scratch,
        mock.patch.object(sys, "argv", line),
        mock.patch.dict(os.environ, COLUMNS="80"),
    ):
        paths = [Path(scratch) / name for name in ("stdout", "stderr")]
        with _printed_to(paths):
            try:
                main()
            except SystemExit as ended:
                status = ended.code or 0
        output, error = (path.read_bytes().decode(errors="backslashreplace") for path in paths)
    return Said(status, output, error, data="csv" in line)


@contextlib.contextmanager
def _printed_to(paths):
    """File descriptors 1 and 2 into two files, so that nothing is missed, whoever writes."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    streams = sys.stdout, sys.stderr
    for number, path in zip((1, 2), paths, strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (
        open(number, "w", encoding="utf-8", closefd=False, newline="")  # noqa: SIM115 -- a descriptor
        for number in (1, 2)
    )
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        for stream in (sys.stdout, sys.stderr):
            stream.close()
        sys.stdout, sys.stderr = streams
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
