"""An S3 server that is a process of its own, and fails at random while it is told to."""

import contextlib
import multiprocessing
import os
import random
import threading
import time
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from unittest import mock

from tests.records.remote.s3 import ENVIRONMENT, Server, body_of, busy, half, put_body

BUCKET = "killed"
SHARE = 0.04
"""Of the requests, which go wrong."""
LONGEST_DELAY_SECONDS = 0.05
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Store:
    """The server as its clients know it, each of which is another process."""

    port: int
    failing: Synchronized
    pending: Synchronized

    def uri(self, prefix):
        return f"s3://{BUCKET}/{prefix}?scheme=http&endpoint_override=127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def faults(self):
        """Some requests fail until the block is left, and all are done then that a killed client sent."""
        self.failing.value = True
        try:
            yield
        finally:
            self.failing.value = False
            end = time.monotonic() + ANSWER_SECONDS
            while self.pending.value:
                assert time.monotonic() < end, "the server hangs"
                time.sleep(0.002)


@contextlib.contextmanager
def store(seed=0):
    """A `Store` with an empty bucket; what its clients need to know of it is in the environment."""
    context = multiprocessing.get_context("fork")
    failing, pending = context.Value("b", False), context.Value("i", 0)
    ear, mouth = context.Pipe(duplex=False)
    with mock.patch.dict(os.environ, ENVIRONMENT):
        process = context.Process(target=_serve, args=(mouth, failing, pending, seed), daemon=True)
        process.start()
        mouth.close()
        try:
            yield Store(ear.recv(), failing, pending)
        finally:
            process.kill()
            process.join()


def _serve(mouth, failing, pending, seed):
    server = Counting(pending)
    server.make(BUCKET)
    server.fault = Faults(server, failing, seed)
    mouth.send(server.port)
    threading.Event().wait()


class Counting(Server):
    """`pending` is how many requests it is at."""

    def __init__(self, pending):
        self._pending = pending
        super().__init__()

    def _answer(self, environ, start_response):
        self._count(1)
        try:
            return list(super()._answer(environ, start_response))
        finally:
            self.requests.clear()
            self._count(-1)

    def _count(self, by):
        with self._pending.get_lock():
            self._pending.value += by


class Faults:
    """What goes wrong at random: see `Server`."""

    def __init__(self, server, failing, seed):
        self._server, self._failing, self._chance = server, failing, random.Random(seed)

    def __call__(self, request):
        if not self._failing.value or self._chance.random() >= SHARE:
            return None
        kind = self._chance.choice((busy, half(".parquet"), self._late, self._done))
        return kind(request)

    def _late(self, _request):
        time.sleep(self._chance.uniform(0, LONGEST_DELAY_SECONDS))

    def _done(self, request):
        """It is, and the client is told that it is not."""
        body = body_of(request)
        put_body(request, body)
        list(self._server.app(dict(request.environ), lambda *_: None))
        put_body(request, body)
        return busy(request)
