from bench.records.checking import check_session
from bench.records.find import find_sessions
from bench.records.folders import Local
from bench.records.rebuild import rebuild_tables
from bench.records.store import read_sessions
from tests.store.content import Shape
from tests.store.generate import generate


def test_generated_sessions_are_whole_and_can_be_made_anew(tmp_path):
    generate(tmp_path, Shape(sessions=2, runs=30), "new")
    before = read_sessions([str(tmp_path)])
    for session in find_sessions(Local(str(tmp_path))).sessions:
        checked = check_session(session)
        assert (checked.verdict, checked.state, checked.strays) == ("whole", "ended", ())
        rebuild_tables(tmp_path / session.folder.path)
        assert check_session(session).verdict == "whole"
    assert read_sessions([str(tmp_path)]) == before
