import pyarrow as pa
import pyarrow.fs
import pytest

from bench.errors import DamagedError, StoreError
from bench.records.remote import trial
from bench.records.remote.place import Place
from bench.records.remote.trial import try_place
from tests.records.remote.s3 import busy, denied, failing, half


@pytest.mark.parametrize("size", [0, 1, 100_000, 6 * 2**20])
def test_what_is_put_is_there(place, size):
    content = pa.py_buffer(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    told = []
    place.below("a").put("b.parquet", content, lambda: told.append(1))
    assert place.read("a/b.parquet").equals(content)
    assert [(it.base_name, it.size) for it in place.infos("a")] == [("b.parquet", size)]
    assert told


def test_a_place_that_is_a_file_system_of_names_is_written_by_renaming(tmp_path):
    place = Place(pa.fs.LocalFileSystem(), str(tmp_path), "hdfs://there")
    for content in (b"one", b"another"):
        place.put("a/b", pa.py_buffer(content))
        assert (tmp_path / "a" / "b").read_bytes() == content
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_half_an_upload_never_counts(server, place):
    with failing(server, half("a")), pytest.raises(DamagedError):
        place.put("a", pa.py_buffer(b"all of it"))


def test_what_was_left_half_written_is_removed_where_it_can_be_seen(tmp_path):
    place = Place(pa.fs.LocalFileSystem(), str(tmp_path), "hdfs://there")
    for name in (".0123456789abcdef.part", ".writer-0123456789abcdef.part", "s1.part"):
        (tmp_path / name).write_text("some")
    place.remove_parts()
    place.remove_parts("nowhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".writer-0123456789abcdef.part", "s1.part"]


def test_trials_that_others_left_are_deleted_an_hour_later(place, monkeypatch):
    place.put(".0123456789abcdef.part", pa.py_buffer(b"bench"))
    try_place(place)
    assert [it.base_name for it in place.infos()] == [".0123456789abcdef.part"]
    monkeypatch.setattr(trial, "LEFT_SECONDS", -1.0)
    try_place(place)
    assert list(place.infos()) == []


def test_nothing_is_left_of_the_trial(place):
    try_place(place)
    assert list(place.infos()) == []


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (denied("PUT", "POST"), "may not be done; ask its owner"),
        (denied("DELETE"), "may not be done: nothing can be deleted; ask its owner"),
        (busy, "nothing can be written: "),
    ],
)
def test_what_is_missing_is_said(server, place, fault, line):
    with failing(server, fault), pytest.raises(StoreError) as caught:
        try_place(place)
    assert str(caught.value).startswith(f"{place.path}: {line}")
    assert "\n" not in str(caught.value)


def test_a_bucket_that_is_not_there(server):
    with pytest.raises(StoreError) as caught:
        try_place(Place.of(server.uri("nosuchbucket", "a/b/")))
    assert str(caught.value) == "s3://nosuchbucket/a/b: no such bucket; make it, or give another"
