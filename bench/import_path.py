"""Keeping the current folder from deciding what is imported, here and in programs that are started from here.

Imports nothing but what Python itself has.
"""

import os
import sys

PYTHONS_OWN = frozenset({"PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONVERBOSE"})
"""They are for whoever reads what a program says, and for Python's optimizer, not for what is measured."""


def leave_out_current_folder(started_as_module: bool = False) -> None:
    """Take the current folder out of this process's import path, and out of its children's.

    Python puts it first for `python -m`, which `started_as_module` says of this process, and wherever
    PYTHONPATH has an empty part, as `PYTHONPATH=$PYTHONPATH:/more` leaves one where it was not set before. A
    folder that PYTHONPATH names stays, and what has been imported goes on to find its own modules.
    """
    folder = _current_folder()
    if started_as_module and not sys.flags.safe_path and sys.path[:1] == [folder]:
        del sys.path[0]
    given = os.environ.get("PYTHONPATH", "")
    named = [part for part in given.split(os.pathsep) if part]
    if given == os.pathsep.join(named) or sys.flags.ignore_environment:
        return
    if named:
        os.environ["PYTHONPATH"] = os.pathsep.join(named)
    else:
        del os.environ["PYTHONPATH"]
    if folder in sys.path and folder not in map(os.path.abspath, named):
        sys.path.remove(folder)  # the first: Python's own entries come after those of PYTHONPATH


def _current_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 -- nothing may be imported before the path is clean
    except OSError:  # it has been deleted
        return ""


def program_with_bench(then: str) -> str:
    """For `python -P -c`: import this very `bench`, whichever is installed, then do `then`.

    What lies beside the package is not imported: it finds its own modules without the path that it was found
    in.
    """
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 -- nothing to import
    return f"import sys; sys.path.insert(0, {folder!r}); import bench; del sys.path[0]; {then}"
