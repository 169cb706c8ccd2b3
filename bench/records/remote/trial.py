"""Whether sessions can be kept at a place elsewhere, tried before anything is measured."""

import contextlib

import pyarrow as pa

from bench.errors import DamagedError, StoreError
from bench.files import is_part_name, part_name
from bench.records.answers import answer_of
from bench.records.remote.place import Place
from bench.records.remote.refused import refused

LEFT_SECONDS = 3600.0
"""After which nobody is at a trial any more."""


def try_place(place: Place) -> None:
    """Writes, reads, lists and deletes a small file there; those that others left there are deleted, too.

    Raises StoreError that names what cannot be done, and what to do about it.
    """
    name, content, left = part_name(), pa.py_buffer(b"bench"), list[str]()
    steps = {
        "written": lambda: place.put(name, content),
        "listed": lambda: left.extend(_listed(place, name)),
        "deleted": lambda: _delete(place, [name, *left]),
    }
    for step, act in steps.items():
        try:
            answer_of(act, place.path, instead="give another --results")
        except DamagedError as error:
            raise StoreError(
                f"{place.path}: does not keep what is written; give another --results"
            ) from error
        except (pa.ArrowException, OSError) as error:
            raise refused(place.path, step, error) from error


def _listed(place: Place, name: str) -> list[str]:
    """Trials there that were left, told by the place's own clock."""
    began = {it.base_name: it.mtime_ns / 1e9 for it in place.infos() if is_part_name(it.base_name)}
    if name not in began:
        raise OSError("what was written is not listed")
    return [other for other in began if began[name] - began[other] > LEFT_SECONDS]


def _delete(place: Place, names: list[str]) -> None:
    own, *others = names
    place.remove(own)
    for name in others:
        with contextlib.suppress(FileNotFoundError):  # another trial did it meanwhile
            place.remove(name)
