"""The text of a TOML file that people wrote."""

from pathlib import Path

from bench.errors import BenchError, reason

_MAX_BYTES = 4 * 2**20


def toml_text(path: Path, refused: type[BenchError], remedy: str) -> str:
    """Its text, its lines ended alike, without the byte order mark of an editor on Windows.

    Raises `refused`, which ends in the `remedy`, where there is no such file, none that can be read as UTF-8,
    or one of more than 4 MiB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)  # a device's has no end
        if len(content) > _MAX_BYTES:
            raise refused(f"{path}: larger than {_MAX_BYTES // 2**20} MiB; {remedy}")
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError as error:
        raise refused(f"{path}: no such file; {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "not UTF-8 text"
        raise refused(f"{path}: cannot be read: {why}; {remedy}") from error
