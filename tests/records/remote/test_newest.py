import pyarrow.fs

from bench.cli.scope import chosen
from tests.dated import session


def test_the_newest_of_sessions_elsewhere_is_read_where_it_was_found(uri, place, tmp_path):
    """The address has options that its folders' names are without."""
    for name, hours in (("a", 2.0), ("b", 1.0)):
        session(tmp_path, name, hours)
    pyarrow.fs.copy_files(str(tmp_path), place.root, destination_filesystem=place.filesystem)
    found = chosen([uri], None, {"runs": ("session_id",)}, every=False)
    assert found.tables.runs.column("session_id").unique().to_pylist() == ["a"]
    assert found.others == 1
