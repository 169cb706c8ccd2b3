"""Where sessions lie on this machine until all of them is elsewhere."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import platformdirs

from bench.errors import BenchError, StoreError, reason
from bench.files import part_name
from bench.records.find import is_part
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE
from bench.records.part_folders import part_folder, remove_left
from bench.records.remote.place import Place
from bench.uri import local_path

VARIABLE = "BENCH_SPOOL"
KEPT = (FILE_NAME, MANIFEST_FILE)
"""A folder with one of them is a session's."""


def spool_of(place: Place, environ: Mapping[str, str]) -> Path:
    """The folder of sessions that belong to `place`, made; in `BENCH_SPOOL`, else the user's state.

    What of copies was left there by processes that were killed is removed. Raises StoreError where there can
    be none.
    """
    folder = _base(environ) / hashlib.sha256(f"{place.path}{place.server}".encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "address.txt").write_text(f"{place.path}\n")
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written: {reason(error)}; set {VARIABLE} to a folder of your own"
        ) from error
    remove_left(folder)
    return folder


def waiting(spool: Path) -> list[Path]:
    """The sessions that lie there, oldest first."""
    folders = [path for path in spool.iterdir() if path.is_dir() and not is_part(path.name)]
    return sorted(path for path in folders if any((path / name).exists() for name in KEPT))


@contextlib.contextmanager
def part_in(spool: Path) -> Iterator[Path]:
    """See `part_folder`; StoreError where it cannot be written."""
    try:
        with part_folder(spool) as part:
            yield part
    except OSError as error:
        message = f"{spool}: cannot be written: {reason(error)}; make room there, or set {VARIABLE}"
        raise StoreError(message) from error


def put_in_place(part: Path, folder: Path) -> None:
    """`part` becomes the session's `folder`, whatever was there. Raises OSError where it cannot."""
    remove(folder)
    part.rename(folder)


def remove(folder: Path) -> None:
    """Deletes a session, in one step for whoever looks for it."""
    gone = folder.with_name(part_name())
    with contextlib.suppress(OSError):
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _base(environ: Mapping[str, str]) -> Path:
    given = environ.get(VARIABLE)
    with contextlib.suppress(BenchError, RuntimeError):
        folder = (
            local_path(given) if given else platformdirs.user_state_path("bench", appauthor=False) / "spool"
        )
        if given or folder.is_absolute():
            return folder.absolute()
    raise StoreError(
        f"{given or 'results elsewhere'}: no folder to keep sessions in until they are there; "
        f"set {VARIABLE} to one of this machine"
    )
