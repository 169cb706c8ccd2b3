"""Results elsewhere as a command sees them: a folder here to record into, and what is done about the rest."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from bench.errors import DamagedError, StoreError, reason
from bench.records.answers import answer_of
from bench.records.checking import check_session
from bench.records.claims import Claim
from bench.records.comparing import compare_copies
from bench.records.copying import copy_session
from bench.records.find import RUNS_FILE, SessionFolder, session_in
from bench.records.folders import Folder, Local, unreadable
from bench.records.going_on import is_going_on, nobody_else
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE, Manifest
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place, PlaceBoard
from bench.records.remote.spool import KEPT, part_in, put_in_place, remove, spool_of, waiting
from bench.records.remote.trial import try_place
from bench.records.remote.upload import Left, Upload
from bench.records.resume import header_of, lacking, session_to_resume
from bench.records.stored import content_of
from bench.records.suite import Suite
from bench.records.tables import Row

Tell = Callable[[str], None]
WITHDRAW_SECONDS = 3.0


class RemoteResults:
    """The folder of results at `place`; sessions are recorded in `folder`, which is on this machine.

    `tell` gets lines on what goes wrong and on what it is about.
    """

    def __init__(self, place: Place, tell: Tell, environ: Mapping[str, str] = os.environ) -> None:
        """Raises StoreError where nothing could be kept there or here."""
        try_place(place)
        self.place, self._tell = place, tell
        self.folder = spool_of(place, environ)
        self._claims: dict[str, Claim] = {}
        self._upload: Upload | None = None

    def session_to_resume(self, suite: Suite, every_node: bool) -> Path | None:
        """The newest session of `suite` there or here, as a folder here that holds all of it.

        Raises StoreError as that of a folder does, where another process writes the session, and where there
        and here each hold runs of it that the other lacks.
        """
        name = self._newest_there(suite, every_node)
        begun = session_to_resume(self.folder, suite, every_node)
        if name is not None and (begun is None or name >= begun.name):
            self._claims[name] = _claim(self.place.below(name))
            self._fetch(name)
            begun = session_to_resume(self.folder, suite, every_node)
        if begun and begun.name not in self._claims:
            self._claims[begun.name] = _claim(self.place.below(begun.name))
        return begun

    def upload_left(self) -> None:
        """What earlier commands could not upload; what is in the way is told, and left for later."""
        for folder in waiting(self.folder):
            if folder.name in self._claims or is_going_on(Local(str(folder))):
                continue
            try:
                with nobody_else(folder), claimed(self.place.below(folder.name)) as claim:
                    left = self._upload_one(folder, claim)
            except (OSError, pa.ArrowException, StoreError) as error:
                left = Left(reason(error))
            if left:
                self._tell(self.left_line(folder, left))

    def begin(self, folder: Path) -> None:
        """The session in `folder` is written from now on, and uploaded meanwhile."""
        mirror = Mirror(folder, self.place.below(folder.name))
        self._upload = Upload(mirror, self._claims.pop(folder.name, None), self._tell)

    def finish(self, waiting: Callable[[], None] = lambda: None) -> str | None:
        """Waits until all of the session is there; then it is no longer here. A line where it is not all.

        Interrupted, it is as if no answer came any more. `waiting` is called where it takes a while.
        """
        return self._ended(lambda upload: upload.finish(waiting))

    def leave(self) -> str | None:
        """As `finish`, without waiting for more than a moment."""
        return self._ended(lambda upload: upload.give_up())

    def _ended(self, end: Callable[[Upload], Left | None]) -> str | None:
        for name, claim in self._claims.items():
            _withdraw(claim, self.place.below(name))
        self._claims.clear()
        if self._upload is None:
            return None
        upload, self._upload = self._upload, None
        folder = upload.mirror.folder
        try:
            left = end(upload)
        except KeyboardInterrupt:
            left = upload.left
            if left is None:
                remove(folder)
                raise
        if left is not None:
            return self.left_line(folder, left)
        remove(folder)
        return None

    def left_line(self, folder: Path, left: Left) -> str:
        """What to say of a session that is not there whole."""
        there = f"{self.place.path}/{folder.name}"
        whole = f"{there}: not all of it is there yet: {left.why}; all of it is in {folder}"
        if left.taken:
            return f"{whole}, which stays as it is: bench import it into another --results"
        return f"{whole}: the next bench run with this --results uploads it first"

    def _upload_one(self, folder: Path, claim: Claim) -> Left | None:
        if not any(_size(folder / name) for name in (*KEPT, RUNS_FILE)):  # killed before it was begun
            remove(folder)
            return None
        there, here = session_at(self.place.below(folder.name)), session_in(Local(str(folder)))
        try:
            compared = compare_copies(here, there) if there else "longer"
        except DamagedError as error:
            return Left(str(error).partition(";")[0], taken=True)
        if compared == "forked":
            return Left("each holds runs that the other lacks", taken=True)
        if compared == "shorter":
            damage = check_session(here).damage
            left = Left(damage[0], taken=True) if damage else None  # it may have held more
        else:
            left = self._upload_now(folder, claim)
        if left is None:
            remove(folder)
        return left

    def _upload_now(self, folder: Path, claim: Claim) -> Left | None:
        self._tell(f"Uploading {folder.name}, which was left, to {self.place.path}")
        return Upload(Mirror(folder, self.place.below(folder.name)), claim, self._tell).finish()

    def _newest_there(self, suite: Suite, every_node: bool) -> str | None:
        """The newest session there that all scenarios of `suite` belong to."""
        root = self.place.reading
        try:
            _, names = root.entries()
        except FileNotFoundError:
            return None
        except (pa.ArrowException, OSError) as error:
            raise unreadable(root.path, error) from error
        other: StoreError | None = None
        for name in sorted(names, reverse=True):
            folder = root.below(name)
            header = _header(folder)
            if header.get("suite") == suite.name:
                refused = lacking(folder.path, suite, header)
                if refused is None:
                    return name
                other = other or refused
        if other and session_to_resume(self.folder, suite, every_node) is None:
            raise other
        return None

    def _fetch(self, name: str) -> None:
        """The session of that name into `folder`, unless what lies there holds more."""
        there, folder = session_at(self.place.below(name)), self.folder / name
        if there is None:
            return
        if folder.exists():
            compared = compare_copies(session_in(Local(str(folder))), there)
            if compared == "forked":
                raise StoreError(
                    f"{there.folder.path}: {folder} is the same session, and each has runs that the other "
                    "lacks; move that folder away, or leave out --resume for a new session"
                )
            if compared in ("same", "longer"):
                return
        with part_in(self.folder) as part:
            copy_session(there, part, as_it_is=True)  # as one here is gone on with
            put_in_place(part, folder)


def _header(folder: Folder) -> Row:
    """From the manifest where there is one, else from the journal; empty where neither tells.

    Raises StoreError where no answer comes: it may be the one to go on with.
    """
    if content := _content(folder, MANIFEST_FILE):
        with contextlib.suppress(StoreError):
            if session := Manifest.parse(content, folder.path).session:
                return dict(session)
    return header_of(_content(folder, FILE_NAME).partition(b"\n")[0])


def _content(folder: Folder, name: str) -> bytes:
    try:
        return bytes(content_of(folder, name))
    except DamagedError:  # there is none
        return b""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def session_at(place: Place) -> SessionFolder | None:
    """What lies there; None where it is no session."""
    try:
        session = session_in(place.reading)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        raise unreadable(place.path, error) from error
    return session if session.files.intersection(KEPT) else None


@contextlib.contextmanager
def claimed(place: Place) -> Iterator[Claim]:
    """While the block lasts this process alone writes what is there. StoreError where another one does."""
    claim = _claim(place)
    try:
        yield claim
    finally:
        if not claim.is_kept:
            _withdraw(claim, place)


def _withdraw(claim: Claim, place: Place) -> None:
    """Where no answer comes it stays, and counts as old before long."""
    with contextlib.suppress(StoreError):
        answer_of(claim.withdraw, place.path, WITHDRAW_SECONDS)


def _claim(place: Place) -> Claim:
    given_up = threading.Event()

    def make() -> Claim:
        claim = Claim(PlaceBoard(place), place.path)
        if given_up.is_set():
            claim.withdraw()
        return claim

    try:
        return answer_of(make, place.path, instead="give another --results")
    except (StoreError, KeyboardInterrupt):
        given_up.set()  # an answer that comes late makes no claim that stays
        raise
    except (pa.ArrowException, OSError) as error:
        raise unreadable(place.path, error) from error
