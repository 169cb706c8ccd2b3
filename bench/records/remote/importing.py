"""Sessions copied to a place elsewhere: verified here, uploaded, and verified there."""

import contextlib
import os
import posixpath
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bench.errors import StoreError
from bench.records.claims import is_claim
from bench.records.comparing import compare_copies
from bench.records.copying import copy_session
from bench.records.find import SessionFolder
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place
from bench.records.remote.results import claimed, session_at
from bench.records.remote.spool import part_in, spool_of
from bench.records.remote.trial import try_place
from bench.records.remote.upload import Upload


class RemoteDestination:
    """The folder of results at `place`; see `importing.Destination`."""

    def __init__(self, place: Place, environ: Mapping[str, str] = os.environ) -> None:
        self._place, self._environ = place, environ
        self._spool: Path | None = None  # until it is prepared

    def prepare(self) -> None:
        """See `Destination`."""
        try_place(self._place)
        self._spool = spool_of(self._place, self._environ)

    def copies(self, _session_id: str, name: str) -> list[SessionFolder]:
        """See `Destination`; only what is in a folder of that `name`."""
        place = self._place.below(name)
        there = session_at(place)
        if there and self._spool and any(map(is_claim, there.files)):
            with contextlib.suppress(StoreError), claimed(place):
                pass  # which takes down those that were left
        return [there] if there else []

    def target(self, name: str) -> str:
        """See `Destination`: an object store has no folders that could be in the way."""
        return self._place.below(name).path

    def replaceable(self, copies: Sequence[SessionFolder]) -> SessionFolder:
        """See `Destination`."""
        return copies[0]

    def alone(self, there: SessionFolder) -> AbstractContextManager[object]:
        """See `Destination`: `put` claims it."""
        return contextlib.nullcontext(there)

    def put(self, session: SessionFolder, target: str) -> int:
        """See `Destination`."""
        place = self._place.below(posixpath.basename(target))
        assert self._spool is not None
        with part_in(self._spool) as part, claimed(place) as claim:
            there = session_at(place)
            if there and compare_copies(session, there) != "longer":
                raise StoreError(f"{place.path}: changed meanwhile; import it again")
            copied = copy_session(session, part)
            left = Upload(Mirror(part, place), claim, lambda _line: None).finish()
        if left:
            raise StoreError(f"{place.path}: not all of it is there: {left.why}; import it again")
        return copied
