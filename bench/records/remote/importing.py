"""Sessions copied to a place elsewhere: verified here, uploaded, and verified there."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bench.errors import StoreError
from bench.records.copying import copy_session
from bench.records.find import SessionFolder
from bench.records.importing import Imported, Importer
from bench.records.listing import sessions_below
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place
from bench.records.remote.results import claimed, session_at
from bench.records.remote.spool import part_in, spool_of
from bench.records.remote.trial import try_place
from bench.records.remote.upload import Upload


class RemoteImporter(Importer):
    """Copies sessions to the folder of results at `place`; see `Importer`."""

    def __init__(
        self,
        paths: Sequence[str],
        place: Place,
        dry_run: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Raises StoreError where a path holds no session, and where nothing could be kept there."""
        if not dry_run:
            try_place(place)
        self._place, self._dry_run = place, dry_run
        self._spool = spool_of(place, environ)
        self._sessions, self.notes = sessions_below(paths)

    def _copies(self, session: SessionFolder, done: Imported) -> list[SessionFolder]:
        there = session_at(self._place.below(self._name(session, done)))
        return [there] if there else []

    def _alone(self, there: SessionFolder) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext(there)  # uploads are claimed

    def _put_new(self, session: SessionFolder, done: Imported, name: str) -> Imported:
        return self._put(session, replace(done, outcome="imported", target=f"{self._place.path}/{name}"))

    def _put(self, session: SessionFolder, done: Imported) -> Imported:
        if self._dry_run:
            return done
        place = self._place.below(str(done.target).rpartition("/")[2])
        with part_in(self._spool) as part, claimed(place) as claim:
            done = replace(done, bytes=copy_session(session, part))
            upload = Upload(Mirror(part, place), claim, lambda _line: None)
            with _given_up(upload):
                left = upload.finish()
        if left:
            raise StoreError(f"{place.path}: not all of it is there: {left.why}; import it again")
        return done


@contextlib.contextmanager
def _given_up(upload: Upload) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        upload.give_up()
        raise
