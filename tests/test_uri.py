from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.uri import local_path, on_this_machine, scheme_of, shown, without_secrets


@pytest.mark.parametrize(
    ("path", "scheme"),
    [
        ("s3://bucket/results", "s3"),
        ("GS://bucket", "gs"),
        ("hf://datasets/x", "hf"),
        ("file:///results", "file"),
        ("file:/results", "file"),
        ("results", ""),
        ("/a/s3://b", ""),
        ("s3:/bucket", ""),
        ("c:results", ""),
        ("file:results", ""),
        ("./s3://bucket", ""),
        ("", ""),
    ],
)
def test_a_scheme_is_what_begins_a_uri(path, scheme):
    assert scheme_of(path) == scheme


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("results", "results"),
        (Path("results"), "results"),
        ("file:///tmp/my%20results", "/tmp/my results"),
        ("file:/tmp/results", "/tmp/results"),
        ("FILE://localhost/tmp", "/tmp"),
        ("/tmp/50%25", "/tmp/50%25"),
    ],
)
def test_a_path_on_this_machine(given, path):
    assert local_path(given) == Path(path)


@pytest.mark.parametrize("uri", ["s3://bucket/results", "gs://bucket", "hf://x", "abfs://c@a/x", "nope://x"])
def test_what_is_elsewhere_is_refused_by_name(uri):
    with pytest.raises(StoreError) as caught:
        local_path(uri)
    scheme = uri.partition(":")[0]
    assert str(caught.value) == (
        f"{uri}: {scheme}:// cannot be used here yet; give a path on this machine, and copy it"
    )


@pytest.mark.parametrize("uri", ["file://host/results", "file://results", "file://"])
def test_a_file_uri_of_another_machine_is_refused(uri):
    with pytest.raises(StoreError, match="not a path on this machine; write file:///PATH, or the path alone"):
        on_this_machine(uri)


@pytest.mark.parametrize("uri", ["file:///a%00b", "file://[x", "file://host/x", "file://"])
def test_a_file_uri_that_names_no_path_here_is_refused(uri):
    with pytest.raises(StoreError, match="not a path on this machine; write file:///PATH, or the path alone"):
        local_path(uri)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s3://key:secret@bucket/x?endpoint_override=h", "s3://bucket/x"),
        (
            "abfs://container:secret@account.dfs.core.windows.net/x",
            "abfs://container@account.dfs.core.windows.net/x",
        ),
        ("abfs://:secret@account.blob.core.windows.net/c/x", "abfs://@account.blob.core.windows.net/c/x"),
        ("a?b", "a?b"),
        ("gs://bucket/a@b:c@d?retry_limit_seconds=3", "gs://bucket/a@b:c@d"),
    ],
)
def test_secrets_are_not_shown(uri, told):
    assert shown(uri) == told


def test_a_command_is_kept_without_secrets():
    given = "--results=s3://key:secret@bucket/x?scheme=http"
    assert without_secrets(given) == "--results=s3://bucket/x?scheme=http"
    assert without_secrets("abfs://c:p@a.dfs.core.windows.net/x?y") == "abfs://c@a.dfs.core.windows.net/x?y"
    for other in ("--only=a@b:c/d", "s3://bucket/a:b@c", "quick.toml"):
        assert without_secrets(other) == other
