"""Lines of JSON that carry their own checksum: a damaged one is found, never read as something else.

A sealed line is one JSON object on one line, in ASCII, whose first member is the CRC-32 of all that follows:
`{"crc32": "1a2b3c4d", "entry": 17, "kind": "run", …}`. Any reader of JSON can read it.
"""

import json
import re
import zlib
from typing import Any

BEGINNING = b'{"crc32": "'
"""Of each sealed line, and of no other place in one: within JSON's texts, quotation marks are escaped."""
_SEAL = re.compile(rb'\{"crc32": "([0-9a-f]{8})", ')
SEAL_BYTES = len(b'{"crc32": "01234567", ')


class BrokenSealError(ValueError):
    """A line whose bytes are not those that were written."""


def sealed(text: str) -> bytes:
    """A line of `text`, a JSON object with a member or more as `json.dumps` writes it."""
    content = text.encode("ascii")[1:]
    return b'{"crc32": "%08x", %s\n' % (zlib.crc32(content), content)


def is_whole(line: bytes) -> bool:
    """Whether `line`, with or without its end, is a sealed one with all its bytes as they were written."""
    found = _SEAL.match(line)
    if found is None:
        return False
    end = len(line) - line.endswith(b"\n")
    return int(found[1], 16) == zlib.crc32(memoryview(line)[SEAL_BYTES:end])


def unsealed(line: bytes) -> Any:  # noqa: ANN401 -- whatever the object holds
    """The object that a sealed line, with or without its end, holds; less the checksum.

    Raises BrokenSealError where its checksum is not that of its bytes, or where it has none.
    """
    if not is_whole(line):
        raise BrokenSealError("its checksum is not that of its bytes")
    content = json.loads(line)
    del content["crc32"]
    return content
