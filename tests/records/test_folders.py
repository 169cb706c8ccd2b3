import os
import signal
import threading

import pyarrow as pa
import pyarrow.fs
import pytest

from bench.errors import StoreError
from bench.records import elsewhere
from bench.records.answers import answer_of
from bench.records.elsewhere import Remote
from bench.records.folders import Local, folder_of, unreadable


def refusal(path):
    """The one line that a path is refused with."""
    with pytest.raises(StoreError) as caught:
        folder_of(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("folder", [Local, lambda path: Remote(pa.fs.LocalFileSystem(), path, "s3:/")])
def test_a_folder_tells_its_files_and_its_folders(tmp_path, folder):
    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    (tmp_path / "nowhere").symlink_to(tmp_path / "not there")
    (tmp_path / "b" / "c").touch()
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    here = folder(str(tmp_path))
    assert here.entries() == (["a"], ["b", "link"])
    assert here.below("b").entries() == (["c"], [])
    assert (here.sizes(), here.below("b").sizes()) == ({"a": 7}, {"c": 0})
    with here.open("a") as file:
        file.seek(3)
        assert file.read() == b"tent"


class LikeGoogles:
    """pyarrow's client of Google's stores: of one level it lists no folder that nobody made by itself."""

    type_name = "gcs"
    names = (
        "bucket/results/s1/journal.jsonl",
        "bucket/results/s1/segments/1.runs.parquet",
        "bucket/results/a",
    )

    def get_file_info(self, asked):
        kind = pa.fs.FileType
        if isinstance(asked, str):
            there = any(name.startswith(f"{asked}/") for name in self.names)
            return pa.fs.FileInfo(asked, kind.Directory if there else kind.NotFound)
        assert asked.allow_not_found  # without, what is not there is an error like any other
        below = f"{asked.base_dir}/"
        found = [name for name in self.names if name.startswith(below)]
        if not asked.recursive:
            found = [name for name in found if "/" not in name.removeprefix(below)]
        return [pa.fs.FileInfo(name, kind.File, size=1) for name in found]


def test_folders_that_nobody_made_are_found_in_googles_stores():
    here = Remote(LikeGoogles(), "bucket/results", "gs://bucket/results")
    assert here.entries() == (["a"], ["s1"])
    assert here.sizes() == {"a": 1}
    assert here.below("s1").entries() == (["journal.jsonl"], ["segments"])
    with pytest.raises(FileNotFoundError):
        here.below("s2").entries()


def test_what_cannot_be_read_elsewhere_is_named_by_its_uri():
    here = Remote(pa.fs.LocalFileSystem(), "/bucket", "s3://bucket").below("a")
    error = unreadable(here.path, OSError("AWS Error NETWORK_CONNECTION"))
    assert str(error).startswith("s3://bucket/a: cannot be read: AWS Error NETWORK_CONNECTION; check the add")


def test_a_path_may_hold_any_bytes(tmp_path):
    name = os.fsdecode(b"\xff\xfe")
    (tmp_path / name / name).mkdir(parents=True)
    (tmp_path / name / "file").write_bytes(b"content")
    folder = folder_of(str(tmp_path / name))
    assert folder.entries() == (["file"], [name])
    with folder.open("file") as file:
        assert file.read() == b"content"


@pytest.mark.parametrize("name", ["not there", "a" * 300, "a\0b"])
def test_no_such_folder(tmp_path, name):
    path = tmp_path / name
    assert refusal(path) == (f"{path}: no such folder; give a session's folder, or one that holds sessions")


def test_links_that_go_round_in_circles(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "a: no such folder; give" in refusal(tmp_path / "a")


def test_no_path_at_all():
    assert refusal("").startswith("'': no such folder; give")


def test_what_does_not_answer_in_time_is_told():
    forever = threading.Event()
    with pytest.raises(StoreError) as caught:
        answer_of(forever.wait, "gs://bucket", seconds=0.01)
    forever.set()
    assert str(caught.value) == (
        "gs://bucket: no answer within 0 s; check the network, or copy the sessions here"
    )


def test_waiting_for_an_answer_can_be_interrupted():
    """By a signal that is sent until it is taken: the first may come just before the wait."""
    taken = threading.Event()

    def interrupt(*_):
        if not taken.is_set():
            taken.set()
            raise KeyboardInterrupt

    def interrupted():
        while not taken.wait(0.1):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        threading.Event().wait()

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            answer_of(interrupted, "gs://bucket", seconds=None)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_goes_wrong_elsewhere_is_raised_here():
    def fail():
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        answer_of(fail, "s3://bucket")


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (OSError("AWS Error\nand a stack of calls"), "AWS Error"),
        (pa.ArrowInvalid("no such option"), "no such option"),
        (ImportError("Install huggingface_hub"), "Install huggingface_hub"),
        (OSError("x" * 1000), f"{'x' * 200}…"),
    ],
)
def test_a_file_system_that_cannot_be_reached_is_told_in_one_line(monkeypatch, problem, reason):
    def from_uri(_uri):
        raise problem

    monkeypatch.setattr(elsewhere, "_from_uri", from_uri)
    remedy = "check the address, the network and your permissions"
    assert refusal("s3://bucket/x") == f"s3://bucket/x: cannot be read: {reason}; {remedy}"


def test_google_s_client_does_not_try_for_a_quarter_of_an_hour(monkeypatch, tmp_path):
    asked = []

    def from_uri(uri):
        asked.append(uri)
        return pa.fs.LocalFileSystem(), str(tmp_path)

    monkeypatch.setattr(elsewhere, "_from_uri", from_uri)
    for uri in ("gs://b/x", "gs://b/x?scheme=http", "gs://b/x?retry_limit_seconds=60"):
        assert folder_of(uri).entries() == ([], [])
    assert asked == [
        "gs://b/x?retry_limit_seconds=8",
        "gs://b/x?scheme=http&retry_limit_seconds=8",
        "gs://b/x?retry_limit_seconds=60",
    ]
