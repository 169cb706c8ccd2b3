import threading
from typing import ClassVar

import pyarrow as pa

from bench.records.stored import table_in
from bench.records.writing import write_tables

READS = 50


class Content(bytearray):
    """Bytes that tell which thread lets go of them last."""

    ended_by: ClassVar[set[int]] = set()

    def __del__(self):
        self.ended_by.add(threading.get_ident())


def test_no_thread_of_pyarrow_lets_go_of_what_was_read(content, tmp_path):
    """It would wait for Python's lock, and abort the process where Python has ended meanwhile."""
    write_tables(tmp_path, [content()])
    data = (tmp_path / "runs.parquet").read_bytes()
    for _ in range(READS):
        table_in(pa.py_buffer(Content(data)), "runs.parquet")
    assert Content.ended_by == {threading.get_ident()}
