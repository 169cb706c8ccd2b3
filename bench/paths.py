"""Paths as users give them, and look-ups that end no command.

Until Python 3.14, `Path.exists` and its kin raise where a folder on the way may not be entered or a name is
too long, and `Path.expanduser` where there is no home: another user's HOME, or a user without an entry in
the password database, as containers have them.
"""

from pathlib import Path

from bench.errors import BenchError, reason


def expanded(path: Path) -> Path:
    """`path` with the home folder for a `~` or `~user` that it begins with.

    A path that is there as it is, `~user` and all, is left so. Raises BenchError where no home is known.
    """
    tilde = path.parts[0] if path.parts else ""
    if tilde != "~" and exists(path):
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        remedy = "set HOME, or give the whole path" if tilde == "~" else "give the whole path"
        raise BenchError(f"{path}: no home folder is known for {tilde}; {remedy}") from error


def located(path: Path) -> Path:
    """`path` from the root, without links and with its home folder (`expanded`).

    Raises BenchError where the home, or the current folder that a relative path begins in, is not known.
    """
    whole = expanded(path)
    try:
        return whole.resolve()
    except RuntimeError:  # links that lead to each other: the look-up will say so
        return whole.absolute()
    except OSError as error:
        raise BenchError(f"{path}: cannot be looked up: {reason(error)}; give another path") from error


def exists(path: Path) -> bool:
    """Whether anything is there, as far as this user may look."""
    return why_not_there(path) is None


def is_file(path: Path) -> bool:
    """Whether a regular file is there, as far as this user may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as far as this user may look."""
    try:
        return path.is_dir()
    except OSError:
        return False


def matching(folder: Path, pattern: str) -> list[Path]:
    """What the glob `pattern` finds in `folder`, sorted; nothing where this user may not look."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def why_not_there(path: Path) -> str | None:
    """The system's reason why nothing is found at `path`; None where something is."""
    try:
        path.stat()
    except OSError as error:
        return reason(error)
    except ValueError:
        return "a null byte is in its name"
    return None
