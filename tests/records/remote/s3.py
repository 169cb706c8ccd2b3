"""An S3 server in this process, which can be told to fail."""

import contextlib
import io
import threading
import warnings
from typing import NamedTuple

import pyarrow.fs
import pytest

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Request(NamedTuple):
    """What a client asks for."""

    method: str
    path: str
    environ: dict


class Server:
    """moto's, behind a door: `fault` is asked for each request, and may answer in its place.

    `requests` has each.
    """

    def __init__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
            from werkzeug.serving import WSGIRequestHandler, make_server

        class Silent(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *_):
                pass

        self.app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Silent)
        self._server.daemon_threads = True
        self.requests, self.fault = [], None
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def port(self):
        return self._server.server_port

    def uri(self, bucket, prefix="results"):
        return f"s3://{bucket}/{prefix}?scheme=http&endpoint_override=127.0.0.1:{self.port}"

    def make(self, bucket):
        filesystem, _ = pyarrow.fs.FileSystem.from_uri(
            self.uri(bucket).replace("?", "?allow_bucket_creation=true&")
        )
        filesystem.create_dir(bucket)
        return filesystem

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ, start_response):
        request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
        self.requests.append(request)
        answer = self.fault and self.fault(request)
        if not answer and request.method == "PUT" and not _is_whole(request):
            answer = "400 Bad Request", "IncompleteBody"  # moto would keep what came before a kill
        if answer:
            body_of(request)
            status, code = answer
            body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            start_response(status, [("Content-Length", str(len(body))), ("Content-Type", "application/xml")])
            return [body if request.method != "HEAD" else b""]
        return self.app(environ, start_response)


def busy(_request):
    """Nothing is answered but that it is too much."""
    return "503 Slow Down", "SlowDown"


def denied(*methods):
    """These may not be done."""
    return lambda request: ("403 Forbidden", "AccessDenied") if request.method in methods else None


def half(name):
    """Of a file of that name the first half alone arrives, as often as it is sent."""

    def fault(request):
        if request.method == "PUT" and request.path.endswith(name):
            body = body_of(request)
            put_body(request, body[: len(body) // 2])

    return fault


def body_of(request):
    """All that is sent with a request; `put_body` is to follow."""
    environ, sent = request.environ, b""
    if environ.get("HTTP_CONTENT_ENCODING") != "aws-chunked":
        return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    stream = environ["wsgi.input"]
    while size := int(stream.readline(), 16):
        sent += stream.read(size)
        stream.readline()
    stream.read()
    return sent


def _is_whole(request):
    """Whether all of a request's body came; what came is put in its place."""
    environ = request.environ
    declared = environ.get("HTTP_X_AMZ_DECODED_CONTENT_LENGTH") or environ.get("CONTENT_LENGTH") or 0
    try:
        body = body_of(request)
    except (ValueError, OSError):  # no chunk begins where one should
        body = b""
    put_body(request, body)
    return len(body) == int(declared)


def put_body(request, body):
    """That is what is sent."""
    environ = request.environ
    if environ.get("HTTP_CONTENT_ENCODING") == "aws-chunked":
        environ["HTTP_X_AMZ_DECODED_CONTENT_LENGTH"] = str(len(body))
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)


class Stuck:
    """No answer to who writes a path with `name` in it, until `go` is set; `reached` once there was one."""

    def __init__(self, name):
        self._name, self.go, self.reached = name, threading.Event(), threading.Event()

    def __call__(self, request):
        if self._name in request.path and request.method in ("POST", "PUT"):
            self.reached.set()
            self.go.wait(60)


@contextlib.contextmanager
def serving():
    """A server while the block lasts; what its clients need to know of it is in the environment."""
    pytest.importorskip("moto", reason="moto, of the extra `test`, is not installed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with contextlib.closing(Server()) as server:
            yield server


@contextlib.contextmanager
def failing(server, fault):
    server.fault = fault
    try:
        yield fault
    finally:
        server.fault = None
