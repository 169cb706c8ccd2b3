import errno
import os

import pytest

from bench.records.durable import flush


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
