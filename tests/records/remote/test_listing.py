import json

from bench.records import claims
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
