"""Files of data that lie, swell, never end or are no files: one line, and nothing unpacked in vain."""

import gzip
import os
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from bench.data import npz
from bench.data.idx import STEMS, IdxFiles, read_idx
from bench.data.layout import SHAPES
from bench.data.npz import read_npz
from bench.errors import DataError

MIB = 2**20
GOOD = "{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }"


def header(text=GOOD, version=(1, 0)):
    """The start of an npy file; `text` is what stands in its header."""
    encoded = text.encode("latin1")
    length = struct.pack("<H" if version == (1, 0) else "<I", len(encoded))
    return b"\x93NUMPY" + bytes(version) + length + encoded


def write(file, content, method=zipfile.ZIP_STORED):
    """An npz file whose x_train is `content`, and whose other arrays nobody gets to."""
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in SHAPES:
            archive.writestr(f"{name}.npy", content if name == "x_train" else b"")
    return file


def refused(read, *arguments):
    with pytest.raises(DataError) as caught:
        read(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


class Pickled:
    """Unpickling it would end the tests."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header(GOOD[:-3] + " " * 20), "cannot be read as npz: "),
        (header("{" * 9_000), "cannot be read as npz: "),
        (header("[" * 9_000), "cannot be read as npz: "),
        (header("9" * 9_000), "cannot be read as npz: "),
        (header("0x1for x"), "cannot be read as npz: "),
        (header("{'a': 1}"), "cannot be read as npz: Header does not contain the correct keys"),
        (header(GOOD + " " * 20_000), "cannot be read as npz: EOF: reading array header"),
        (header(" " * 10 * MIB, version=(2, 0)), "cannot be read as npz: EOF: reading array header"),
        (header(version=(9, 0)), "cannot be read as npz: an array of format version 9.0"),
        (b"", "cannot be read as npz: EOF: reading magic string"),
        (b"\x00" * 100, "cannot be read as npz: the magic string is not correct"),
        (header(GOOD.replace("60000", "-60000")), "x_train is uint8 (-60000, 28, 28), expected uint8 (60000"),
        (header(GOOD.replace("60000", "6" * 4_000)), "x_train is uint8 (6666"),
        (header(GOOD.replace("60000, ", "60000," * 900)), "x_train is uint8 (60000, 60000"),
        (header(GOOD.replace("|u1", ">u2")), "x_train is >u2 (60000, 28, 28), expected uint8 "),
        (header(GOOD.replace("'|u1'", "[('a\x1b[31m\\n', '|u1')]")), "x_train is [("),
        (header(GOOD.replace("|u1", "|O")) + pickle.dumps(Pickled()), "x_train is object (60000, 28, 28), "),
        (header(), "x_train announces 0 bytes, expected 47,040,000; get it anew"),
        (header(version=(3, 0)), "x_train announces 0 bytes, expected 47,040,000; get it anew"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_an_array_that_is_not_what_it_should_be(tmp_path, content, said):
    file = write(tmp_path / "odd.npz", content)
    assert refused(read_npz, file).startswith(f"{file}: {said}")


SWOLLEN = 120 * MIB
"""Bytes, where 45 MiB belong."""


@pytest.fixture(scope="module")
def bomb(tmp_path_factory):
    """An npz file, itself small, whose first array is far larger than it should be."""
    content = header() + bytes(SWOLLEN)
    return write(tmp_path_factory.mktemp("bomb") / "bomb.npz", content, zipfile.ZIP_DEFLATED)


@pytest.fixture
def memory():
    """Call for the most bytes that Python held at once since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_an_array_that_would_swell_is_refused_before_it_is_unpacked(bomb, memory):
    assert bomb.stat().st_size < MIB
    before = memory()
    assert "x_train announces 125,829,120 bytes, expected 47,040,000" in refused(read_npz, bomb)
    assert memory() - before < 5 * MIB


def test_an_array_that_swells_beyond_what_it_announces_is_read_no_further(bomb, tmp_path, memory):
    true, told = (struct.pack("<I", size + len(header())) for size in (SWOLLEN, 47_040_000))
    liar = tmp_path / "liar.npz"
    liar.write_bytes(bomb.read_bytes().replace(true, told))
    before = memory()
    assert "Bad CRC-32" in refused(read_npz, liar)
    assert memory() - before < 110 * MIB


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_cannot_be_read_by_parts_is_refused(tmp_path, method):
    file = write(tmp_path / "packed.npz", header(), method)
    assert f"x_train is packed by zip method {method}, which NumPy does not write" in refused(read_npz, file)


def test_an_encrypted_array_is_refused(tmp_path):
    file = write(tmp_path / "secret.npz", header())
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    assert f"{file}: x_train is encrypted; " in refused(read_npz, file)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice_is_refused(tmp_path):
    file = tmp_path / "twice.npz"
    with zipfile.ZipFile(file, "w") as archive:
        for name in (*SHAPES, "y_test"):
            archive.writestr(f"{name}.npy", b"")
    assert refused(read_npz, file) == f"{file}: holds y_test twice; save the array anew, once"


def test_names_of_members_reach_no_terminal_as_they_are(tmp_path):
    file = tmp_path / "names.npz"
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("\x1b[31mred", "../../outside", *(f"more{number}" for number in range(1_000))):
            archive.writestr(name, b"")
    message = refused(read_npz, file)
    assert f"{file}: no x_train, y_train, x_test, y_test, found \x1b[31mred, ../../outside, " in message
    assert message.endswith(" and 994 more")


def test_arrays_in_other_orders_formats_and_zips_are_read_all_the_same(tmp_path, clothes):
    file = tmp_path / "fine.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../elsewhere.npy", b"of no account")
        for name, array in clothes._asdict().items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                order = np.asfortranarray(array) if name == "x_train" else array
                np.lib.format.write_array(member, order, version=(3, 0) if name == "x_test" else (2, 0))
    for read, written in zip(read_npz(file), clothes, strict=True):
        assert read.flags.c_contiguous
        assert read.flags.writeable
        assert np.array_equal(read, written)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    pipe, device = tmp_path / "pipe.gz", Path("/dev/zero")
    os.mkfifo(pipe)
    for place in (pipe, device, tmp_path):
        said = f"{place}: not a regular file; copy what it gives into one"
        assert refused(read_npz, place) == said
        assert refused(read_idx, IdxFiles(place, place, place, place)) == said


@pytest.fixture
def idx_gz(tmp_path):
    """Call with gzip files' bytes; gives what is said of them as training images, and the bytes held."""

    def read(content):
        file = tmp_path / f"{STEMS.x_train}.gz"
        file.write_bytes(content)
        return refused(read_idx, IdxFiles(file, file, file, file)).removeprefix(f"{file}: ")

    return read


IDX_HEADER = struct.pack(">BBBBIII", 0, 0, 8, 3, 60_000, 28, 28)


def test_a_gzip_file_that_swells_is_read_no_further_than_the_layout(idx_gz, memory):
    content = gzip.compress(IDX_HEADER + bytes(SWOLLEN), compresslevel=1)
    tracemalloc.reset_peak()
    before = memory()
    assert idx_gz(content) == "more bytes than the 47040000 that its header announces"
    assert memory() - before < 110 * MIB


def test_gzip_files_of_several_members_and_with_garbage_behind(idx_gz):
    whole = zlib.compress(bytes(47_040_000), 1, 31)
    assert idx_gz(gzip.compress(IDX_HEADER) + whole + gzip.compress(b"more")).startswith("more bytes than")
    assert idx_gz(gzip.compress(IDX_HEADER) + whole + b"garbage").startswith("cannot be read: Not a gzipped")
    assert idx_gz(gzip.compress(IDX_HEADER)).startswith("ends after 0 bytes where 47040000 are expected")


@pytest.mark.parametrize("kept", [0, 60, 20_000_000])
def test_a_file_that_is_cut_while_it_is_read_is_told(tmp_path, monkeypatch, clothes, kept):
    file = tmp_path / "shrinking.npz"
    np.savez(file, **clothes._asdict())

    def is_zipfile(_stream):
        os.truncate(file, kept)
        return True

    monkeypatch.setattr(zipfile, "is_zipfile", is_zipfile)
    assert refused(read_npz, file).startswith(f"{file}: cannot be read as npz: ")


def test_a_file_that_is_cut_while_an_array_of_it_is_read_is_told(tmp_path, monkeypatch, clothes):
    file = tmp_path / "shrinking.npz"
    np.savez(file, **clothes._asdict())
    header_of = npz._header

    def header_and_cut(head):
        os.truncate(file, 20_000_000)
        return header_of(head)

    monkeypatch.setattr(npz, "_header", header_and_cut)
    assert refused(read_npz, file).startswith(f"{file}: cannot be read as npz: ")
