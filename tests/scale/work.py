"""How much a program does, in numbers that are the same on every machine: the lines that it runs."""

import sys
from collections import Counter
from pathlib import Path

import bench

PACKAGE = str(Path(bench.__file__).parent)


class Lines:
    """Counts the lines that run in `bench` while it is open, by the files' paths within it.

    A loop counts each of its turns, a comprehension and what it calls included; loops inside of Python and of
    libraries do not count.
    """

    def __init__(self):
        self.by_file = Counter()

    def __enter__(self):
        self._counts = Counter()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_):
        sys.settrace(None)
        for code, lines in self._counts.items():
            self.by_file[code.co_filename.removeprefix(f"{PACKAGE}/")] += lines

    @property
    def total(self):
        return self.by_file.total()

    def _call(self, frame, _event, _argument):
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            return None
        counts = self._counts

        def line(_frame, event, _argument):
            if event == "line":
                counts[code] += 1
            return line

        return line
