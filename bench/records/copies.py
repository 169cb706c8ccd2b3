"""Sessions that lie in several places, each of which counts once."""

from collections.abc import Iterable, Mapping, Sequence

from bench.errors import StoreError
from bench.records.asked import Asked
from bench.records.manifest import StoredFile
from bench.records.older import how_much
from bench.records.session import Opened, Part, read_part
from bench.records.tables import TableName

Found = Opened | Part
"""A session whose manifest tells its name, or one that had to be read for it, and so has been."""


class Copies:
    """A session, as it lies in one place or in several."""

    def __init__(self, places: Sequence[tuple[Opened, Part | None]]) -> None:
        """Of `places`, in order; what has been read of them already."""
        self._places = places

    def read(self, asked: Asked, left_out: list[StoreError]) -> Part | None:
        """What is asked for of the copy that holds the most runs, of those the most that told.

        Of equals it is the first that there is nothing to say against. Of a copy that cannot be read
        `left_out` gets why.
        """
        if len(self._places) == 1:
            ((opened, part),) = self._places
            return part or _read(opened, asked, left_out)
        columns = asked.columns and {**asked.columns, "runs": (*(asked.columns_of("runs") or ()), "status")}
        kept, worth = None, (-1, -1, False)
        for opened, _ in self._places:
            part = _read(opened, Asked(columns), left_out)
            if part is not None and (its := _worth(part)) > worth:
                kept, worth = part, its
                if not part.notes and self._are_alike():
                    break
        return kept and kept.chosen(asked)

    def _are_alike(self) -> bool:
        """Whether the manifests name the same bytes."""
        first, *others = (_hashes(opened) for opened, _ in self._places)
        return bool(first) and all(first == other for other in others)


def by_session(found: Iterable[tuple[Opened, Part | None]]) -> list[Copies]:
    """Those that were `found`, copies of one session together: told by names, in the order of the first."""
    copies: dict[object, list[tuple[Opened, Part | None]]] = {}
    for opened, part in found:
        names = part.names if part else frozenset({opened.session_id})
        copies.setdefault(names or id(opened), []).append((opened, part))
    return [Copies(places) for places in copies.values()]


def _read(opened: Opened, asked: Asked, left_out: list[StoreError]) -> Part | None:
    try:
        return read_part(opened, asked)
    except StoreError as error:
        left_out.append(error)
        return None


def _worth(part: Part) -> tuple[int, int, bool]:
    return *how_much(part.rows["runs"].table(["status"])), not part.notes


def _hashes(opened: Opened) -> dict[TableName, str]:
    tables: Mapping[TableName, StoredFile] = opened.manifest.tables if opened.manifest else {}
    return {name: file.sha256 for name, file in tables.items()}
