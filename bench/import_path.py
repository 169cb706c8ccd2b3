"""Keeping the current folder from deciding what is imported; imports nothing but what Python itself has."""

import os
import sys


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
