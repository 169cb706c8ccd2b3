"""Which modules this process has imported, read back: name, version and place; and what this `bench` is."""

import functools
import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import bench
from bench.errors import BenchError


def imported(names: Iterable[str]) -> tuple[str, ...]:
    """Name, version and folder of each of `names` that is imported, such as "numpy 2.4.1 /site/numpy".

    A module without a version has none, and one that is a single file has its path in place of a folder.
    """
    return tuple(_told(name) for name in names if name in sys.modules)


@functools.cache
def sources(folder: Path | None = None) -> Mapping[str, str]:
    """A hash of each of the source files of this process's `bench` (or of `folder`), by its name there."""
    folder = folder or Path(bench.__file__).parent
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for file in sorted(folder.rglob("*.py"))
    }


def check_same_bench(of_command: Mapping[str, str]) -> None:
    """Raise BenchError where this process's `bench` is not the command's, whose `sources` are `of_command`.

    A file that is not here cannot have been imported here.
    """
    others = sorted(name for name, digest in sources().items() if of_command.get(name) != digest)
    if others:
        more = f" and {len(others) - 1} more files" if len(others) > 1 else ""
        raise BenchError(
            f"its process imported another bench than the command has: {_told('bench')} differs in "
            f"{others[0]}{more}; leave bench as it is while it runs"
        )


def _told(name: str) -> str:
    module = sys.modules[name]
    file = Path(getattr(module, "__file__", None) or "?")
    place = file.resolve().parent if file.name == "__init__.py" else file
    return " ".join(filter(None, [name, str(getattr(module, "__version__", "")), str(place)]))
