"""Files written whole or not at all: over files, through links, into devices and pipes."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from bench.files import flush, part_name, remove_parts, replacing


def write(path, content=b"new", **options):
    with replacing(path, **options) as file:
        file.write(content)


def write_to_a_closed(path):
    with replacing(path) as file:
        file.write(b"half")
        file.close()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_made_with_the_permissions_that_any_new_file_has(tmp_path):
    (tmp_path / "usual").touch()
    write(tmp_path / "made", durable=True)
    assert (tmp_path / "made").read_bytes() == b"new"
    assert mode_of(tmp_path / "made") == mode_of(tmp_path / "usual")


def test_a_file_that_is_there_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "a"
    path.write_text("old and longer")
    path.chmod(0o640)
    with path.open() as before:
        write(path)
        assert before.read() == "old and longer"
    assert (path.read_bytes(), mode_of(path)) == (b"new", 0o640)
    assert names(tmp_path) == ["a"]


def test_what_fails_half_way_leaves_the_file_that_was_there_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(ValueError, match="closed file"):
        write_to_a_closed(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_what_a_kill_left_half_written_is_removed_and_nothing_else(tmp_path):
    for name in ("a", ".hidden.part", part_name(), part_name()):
        (tmp_path / name).write_text("half")
    remove_parts(tmp_path)
    assert names(tmp_path) == [".hidden.part", "a"]
    remove_parts(tmp_path / "a")
    remove_parts(tmp_path / "gone")


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_one_and_leads_to_what_was_written(tmp_path, there):
    (tmp_path / "below").mkdir()
    target, link, second = tmp_path / "below" / "target", tmp_path / "link", tmp_path / "second"
    if there:
        target.write_text("old")
    link.symlink_to("below/target")
    second.symlink_to(link)
    write(second)
    assert link.is_symlink()
    assert second.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_pipe_gets_it_and_stays_a_pipe(tmp_path):
    path, got = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    write(path)
    reader.join()
    assert got == [b"new"]
    assert path.is_fifo()


def test_a_device_gets_it_and_stays_a_device():
    write("/dev/null")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space left on device"):
        write("/dev/full")


def test_the_longest_name_that_there_may_be_is_no_obstacle(tmp_path):
    write(tmp_path / ("x" * 255))
    with pytest.raises(OSError, match="File name too long"):
        write(tmp_path / ("x" * 256))


def test_a_name_of_bytes_that_are_no_text_is_a_name(tmp_path):
    write(tmp_path / "caf\udce9")
    assert [os.fsencode(name) for name in names(tmp_path)] == [b"caf\xe9"]


@pytest.mark.parametrize(
    "name", ["", ".", "/", "..", "folder", "folder/", "new/", "none/new", "loop", "socket"]
)
def test_what_cannot_hold_a_file_is_refused_and_nothing_changes(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        before = names(tmp_path)
        with pytest.raises(OSError) as refused:  # noqa: PT011 -- any, as long as it says why
            write(name)
    assert refused.value.strerror
    assert names(tmp_path) == before


def test_a_file_in_a_folder_that_takes_no_other_is_written_where_it_is(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old and longer")
    monkeypatch.setattr(os, "open", lambda *_: fail(errno.EACCES))
    write(path)
    assert path.read_bytes() == b"new"
    with pytest.raises(PermissionError):
        write(tmp_path / "b")


def test_what_did_not_reach_the_disk_takes_no_place(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _: fail(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        write(tmp_path / "a", durable=True)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def fail(number):
    raise OSError(number, os.strerror(number))


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    """Though its folder would allow that. Root may write any file, and so this is only told it may not."""
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="may not be written"):
        write(tmp_path / "a")


@pytest.fixture
def refusing(monkeypatch):
    """Call with an errno; from then on fsync is refused with it."""

    def refuse(number):
        def fsync(_file):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    return refuse


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_that_does_not_know_fsync_is_gone_on_with(tmp_path, refusing, number):
    refusing(number)
    with (tmp_path / "file").open("wb") as file:
        file.write(b"text")
        flush(file)
        assert (tmp_path / "file").read_bytes() == b"text"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_fails_is_told(tmp_path, refusing, number):
    refusing(number)
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match=os.strerror(number)):
        flush(file)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EPERM, errno.EACCES])
def test_a_file_whose_place_cannot_be_taken_is_written_as_it_is(tmp_path, monkeypatch, number):
    """One that is mounted by itself; another user's in a folder such as /tmp, which may yet be written."""
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(Path, "replace", lambda *_: fail(number))
    write(tmp_path / "a", durable=True)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]
