"""Paths as people give them: on this machine, or URIs of file systems elsewhere. Imports nothing heavy."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.errors import StoreError
from bench.paths import expanded

READABLE = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
"""The schemes of what sessions can be read from, besides this machine's files; pyarrow knows all of them."""
NETWORK = "network"
"""The name of threads that wait for such file systems; their clients wait for them as a process ends."""
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(file):/", re.IGNORECASE)
_KEYS = re.compile(r"(?<=s3://)[^/@]*@", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^/@:]*):[^/@]*(?=@)")


def scheme_of(path: str) -> str:
    """The scheme of a URI in lower case, such as "s3"; empty where `path` is a path on this machine."""
    found = _URI.match(path)
    return (found[1] or found[2]).lower() if found else ""


def shown(uri: str) -> str:
    """A URI for people: without what is secret in it, and without what tells its client how to reach it."""
    return without_secrets(uri.partition("?")[0]) if scheme_of(uri) else uri


def without_secrets(argument: str) -> str:
    """An argument of a command, without the keys and passwords in what of it is a URI."""
    return _PASSWORD.sub(r"\g<user>", _KEYS.sub("", argument))


def on_this_machine(path: str) -> str:
    """The path that a plain path, or a file URI, names. StoreError where the URI names another machine."""
    if scheme_of(path) != "file":
        return path
    try:
        parts = urlsplit(path)
        host, found = parts.netloc, unquote(parts.path)
    except ValueError:  # a host in brackets that do not close
        host, found = "", ""
    if host not in ("", "localhost") or not found or "\0" in found:
        raise StoreError(f"{path}: not a path on this machine; write file:///PATH, or the path alone")
    return found


@dataclass(frozen=True)
class ResultsAt:
    """Where results are: in a folder of this machine, or else below a URI of a file system elsewhere."""

    folder: Path | None
    uri: str = ""

    def __str__(self) -> str:
        return self.uri or str(self.folder)


def results_at(given: "str | Path | ResultsAt") -> ResultsAt:
    """What --results was given. Raises StoreError for a URI of what nothing can be written to."""
    if isinstance(given, ResultsAt):
        return given
    scheme = scheme_of(str(given))
    if scheme in ("", "file"):
        return ResultsAt(local_path(given))
    if scheme not in READABLE:
        known = ", ".join(f"{name}://" for name in READABLE)
        raise StoreError(f"{given}: {scheme}:// cannot be written; give a path on this machine, or {known}")
    return ResultsAt(None, str(given))


def local_path(given: str | Path) -> Path:
    """What an option that takes a path on this machine was given, with the home folder for a `~`.

    Raises StoreError for any other URI, and BenchError where the home is not known.
    A `Path` would take "s3://bucket" for a folder named "s3:".
    """
    text = str(given)
    scheme = scheme_of(text)
    if scheme not in ("", "file"):
        raise StoreError(
            f"{text}: {scheme}:// cannot be used here yet; give a path on this machine, and copy it"
        )
    return expanded(Path(on_this_machine(text)))
