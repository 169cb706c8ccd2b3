"""Whether sessions can be kept at a place elsewhere, tried before anything is measured."""

import secrets

import pyarrow as pa

from bench.errors import DamagedError, StoreError, reason
from bench.records.folders import answer_of
from bench.records.remote.place import Place

_REMEDIES = (
    (("NO_SUCH_BUCKET", "NoSuchBucket", "ContainerNotFound"), "no such bucket", "make it, or give another"),
    (
        ("ACCESS_DENIED", "AccessDenied", "HTTP response code 403", "Forbidden", "Permission"),
        "may not be done",
        "ask its owner to let you read, write, list and delete there, or check your credentials",
    ),
    (
        ("NETWORK_CONNECTION", "curlCode", "Could not resolve"),
        "cannot be reached",
        "check the address and the network",
    ),
)


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
            raise _refused(place, step, error) from error


def _listed(place: Place, name: str) -> None:
    if name not in [it.base_name for it in place.infos()]:
        raise OSError("what was written is not listed")


def _refused(place: Place, step: str, error: Exception) -> StoreError:
    text = str(error)
    for signs, what, remedy in _REMEDIES:
        if any(sign in text for sign in signs):
            told = what if step == "written" else f"{what}: nothing can be {step}"
            return StoreError(f"{place.path}: {told}; {remedy}")
    return StoreError(
        f"{place.path}: nothing can be {step}: {reason(error)}; check address, network and rights"
    )
