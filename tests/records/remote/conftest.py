import itertools
from dataclasses import replace

import pyarrow.fs
import pytest

from bench.records.remote.place import Place
from tests.records.remote.s3 import serving

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server():
    """An S3 server, shared: each test has a bucket of its own."""
    with serving() as server:
        yield server


@pytest.fixture
def uri(server):
    """Of an empty prefix in a bucket that is there."""
    bucket = f"bucket{next(_numbers)}"
    server.make(bucket)
    server.fault, server.requests[:] = None, []
    yield server.uri(bucket)
    server.fault = None


@pytest.fixture
def place(uri):
    """The same, by a client that tries nothing again by itself, which takes seconds."""
    client = pyarrow.fs.S3FileSystem(
        scheme="http",
        endpoint_override=uri.rpartition("=")[2],
        retry_strategy=pyarrow.fs.AwsStandardS3RetryStrategy(max_attempts=1),
        allow_delayed_open=True,
    )
    return replace(Place.of(uri), filesystem=client)
