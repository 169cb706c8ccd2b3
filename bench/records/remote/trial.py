"""Whether sessions can be kept at a place elsewhere, tried before anything is measured."""

import secrets

import pyarrow as pa

from bench.errors import DamagedError, StoreError
from bench.records.answers import answer_of
from bench.records.remote.place import Place
from bench.records.remote.refused import refused


def try_place(place: Place) -> None:
    """Writes, reads, lists and deletes a small file there.

    Raises StoreError that names what cannot be done, and what to do about it.
    """
    name, content = f".{secrets.token_hex(8)}.part", pa.py_buffer(b"bench")
    steps = {
        "written": lambda: place.put(name, content),
        "listed": lambda: _listed(place, name),
        "deleted": lambda: place.remove(name),
    }
    for step, act in steps.items():
        try:
            answer_of(act, place.path)
        except DamagedError as error:
            raise StoreError(
                f"{place.path}: does not keep what is written; give another --results"
            ) from error
        except (pa.ArrowException, OSError) as error:
            raise refused(place.path, step, error) from error


def _listed(place: Place, name: str) -> None:
    if name not in [it.base_name for it in place.infos()]:
        raise OSError("what was written is not listed")
