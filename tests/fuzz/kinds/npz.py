"""npz files: every field of the zip and of the arrays' headers may lie, and any byte may be another."""

import io
import struct
import zlib

import numpy as np

from tests.fuzz.kinds.arrays import SMALL, found_and_read, good_arrays, shrink
from tests.fuzz.mutate import NUMBERS, TEXTS, damaged

LOCAL, CENTRAL, END = "<4sHHHHHIIIHH", "<4sHHHHHHIIIHHHHHII", "<4sHHHHIIH"
METHODS = (0, 8, 8, 8, 1, 9, 12, 14, 93, 99, 65535)
LIES = (0, 1, 100, 47_168, 0x7FFFFFFF, 0xFFFFFFFF)
DESCRIPTORS = (
    "'|u1'",
    "'u1'",
    "'>u1'",
    "'<f4'",
    "'>i8'",
    "'|O'",
    "'|b1'",
    "'|S1'",
    "'<U1'",
    "'|V1'",
    "'<M8[us]'",
    "''",
    "None",
    "1",
    "'|u1,|u1'",
    "('|u1', (2,))",
    "[('a', '|u1')]",
    "[('\\x1b[31m', '|u1'), ('b\\n', '<f8', (2, 2))]",
    "[('a', [('b', [('c', '|u1')])])]",
)


class Npz:
    name = "npz"
    short, batch = 300, 200

    def begin(self):
        shrink()
        self.arrays = good_arrays()

    def case(self, folder, random):
        members = [Member(name, array, random) for name, array in self.arrays.items()]
        for _ in range(random.choice((0, 1, 1, 1, 2))):
            random.choice((odd_members, odd_member))(members, random)
        content = archive(members, random)
        if random.random() < 0.4:
            content = damaged(content, random)
        file = folder / "mnist.npz"
        file.write_bytes(content)
        return found_and_read(file if random.random() < 0.9 else folder)


class Member:
    """An array as a zip holds it; `local` and `central` are fields of its two headers that lie."""

    def __init__(self, name, array, random):
        self.name = f"{name}.npy"
        self.method = random.choice((0, 8))
        self.flags, self.extra = 0, b""
        self.local, self.central = {}, {}
        self.content = as_npy(array)

    def packed(self):
        if self.method == 8:
            packer = zlib.compressobj(1, zlib.DEFLATED, -15)
            return packer.compress(self.content) + packer.flush()
        return self.content


def as_npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


def odd_members(members, random):
    """One too many, one too few, or one of another name."""
    place = random.randrange(len(members))
    how = random.randrange(3)
    if how == 0:
        del members[place]
    elif how == 1:
        members.append(members[place])
    else:
        members[place].name = random.choice((*TEXTS, members[place].name[:-4]))


def odd_member(members, random):
    if not members:
        return
    member = random.choice(members)
    how = random.randrange(6)
    if how == 0:
        member.method = random.choice(METHODS)
    elif how == 1:
        member.flags = 1 << random.randrange(16)
    elif how == 2:
        member.extra = random.choice((b"\x01\x00\x10\x00" + bytes(16), random.randbytes(7)))
    elif how == 3:
        field = random.choice(("crc", "packed", "size", "offset", "version"))
        random.choice((member.local, member.central))[field] = random.choice(LIES)
    else:
        member.content = odd_array(member, random)


def odd_array(member, random):
    """Another header before the same data, or far more or fewer of them."""
    start = member.content[:8]
    text, data = member.content[10:128].decode("latin1"), member.content[128:]
    how = random.randrange(6)
    if how == 0:
        text = text.replace("'|u1'", random.choice(DESCRIPTORS))
    elif how == 1:
        shape = ", ".join(str(random.choice(NUMBERS)) for _ in range(random.randint(0, 4)))
        text = text.replace(str(random.choice(list(SMALL.values()))), f"({shape})")
    elif how == 2:
        text = damaged(text.encode("latin1"), random).decode("latin1")
    elif how == 3:
        start = b"\x93NUMPY" + bytes((random.choice((0, 1, 2, 3, 4, 255)), random.choice((0, 0, 1))))
    elif how == 4:
        text = text.replace("False", random.choice(("True", "1", "None"))) + " " * random.choice((0, 20_000))
    else:
        data = random.choice((b"", data[:-1], data + b"x", bytes(5_000_000)))
    length = struct.pack("<I" if start[6:7] in (b"\x02", b"\x03") else "<H", len(text) % 65_536)
    return start + length + text.encode("latin1") + data


def archive(members, random):
    """The bytes of the zip."""
    body, directory = b"", b""
    for member in members:
        packed, name = member.packed(), member.name.encode(errors="replace")
        true = {"version": 20, "crc": zlib.crc32(member.content), "packed": len(packed), "offset": len(body)}
        true["size"] = len(member.content)
        heads = [{**true, **odd} for odd in (member.local, member.central)]
        here, there = (
            (h["version"] % 65_536, member.flags, member.method, 0, 0x21, h["crc"], h["packed"], h["size"])
            for h in heads
        )
        ends = len(name), len(member.extra)
        body += struct.pack(LOCAL, b"PK\3\4", *here, *ends) + name + member.extra + packed
        entry = struct.pack(CENTRAL, b"PK\1\2", 20, *there, *ends, 0, 0, 0, 0, heads[1]["offset"])
        directory += entry + name + member.extra
    number = random.choice((len(members),) * 9 + (65_535,))
    end = struct.pack(END, b"PK\5\6", 0, 0, number, number, len(directory), len(body), 0)
    return body + directory + end
