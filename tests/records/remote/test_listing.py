import json

from bench.records import claims
from bench.records.find import find_sessions
from bench.records.folders import folder_of
from bench.records.listing import list_sessions
from bench.records.recorder import Recorder
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import PlaceBoard


def test_whether_one_goes_on_is_told_by_the_claim_there(run, place, uri, tmp_path):
    """One that is uploaded while it is recorded, and whose driver was killed later on."""

    def state():
        (session,) = list_sessions([uri]).sessions
        return session.state

    with Recorder.begin(tmp_path / "s1", "s1", {"suite": "a suite"}) as recorder:
        recorder.add_run(*run("s1", 1))
        Mirror(tmp_path / "s1", place.below("s1")).copy()
    assert state() == "not ended"
    board = PlaceBoard(place.below("s1"))
    claim = claims.Claim(board, "here")
    assert state() == "going on"
    about = json.loads(board.read(claim.name))
    claim.withdraw()
    board.write(claim.name, json.dumps({**about, "process": 2**22 + 1}).encode())
    assert state() == "interrupted"


def test_sessions_are_found_with_one_listing_however_many(recorded_session, server, place, uri, tmp_path):
    here = recorded_session(tmp_path / "here")
    for name in ("a/s1", "a/s2", "b"):
        Mirror(here, place.below(name)).copy()
    root = folder_of(uri)
    server.requests.clear()
    found = find_sessions(root).sessions
    assert [one.folder.path.removeprefix(place.path) for one in found] == ["/a/s1", "/a/s2", "/b"]
    assert all(one.files == frozenset(path.name for path in here.iterdir()) - {"segments"} for one in found)
    assert len(server.requests) == 1
