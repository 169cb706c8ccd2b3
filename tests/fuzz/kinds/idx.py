"""IDX files, plain and gzip, in a folder."""

import gzip
import struct

from bench.data.idx import STEMS
from tests.fuzz.kinds.arrays import found_and_read, good_arrays, shrink
from tests.fuzz.mutate import SIZES, damaged


class Idx:
    name = "idx"
    short, batch = 300, 200

    def begin(self):
        shrink()
        self.arrays = good_arrays()

    def case(self, folder, random):
        where = folder / random.choice(("", "mnist"))
        where.mkdir(exist_ok=True)
        chosen = random.choice(list(self.arrays))
        for stem, (name, array) in zip(STEMS, self.arrays.items(), strict=True):
            content = idx(array, random, odd=name == chosen)
            zipped = random.random() < 0.5
            content = zip_of(content, random, odd=name == chosen) if zipped else content
            if name == chosen and random.random() < 0.4:
                content = damaged(content, random)
            if name != chosen or random.random() < 0.98:
                (where / f"{stem.name}{'.gz' if zipped else ''}").write_bytes(content)
        return found_and_read(folder)


def idx(array, random, odd):
    kind, sizes, data = 8, list(array.shape), array.tobytes()
    if odd and random.random() < 0.6:
        how = random.randrange(4)
        if how == 0:
            kind = random.choice((0, 9, 11, 12, 13, 14, 255))
        elif how == 1:
            sizes[random.randrange(len(sizes))] = random.choice(SIZES) % 2**32
        elif how == 2:
            sizes += [1]
        else:
            data = random.choice((b"", data[:-1], data + b"x", b"\xff" * len(data), bytes(5_000_000)))
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, kind, len(sizes), *sizes) + data


def zip_of(content, random, odd):
    if not odd:
        return gzip.compress(content, compresslevel=1)
    middle = random.randrange(len(content) + 1)
    behind = random.choice((b"", b"", b"\0" * 100, b"garbage", gzip.compress(b""), gzip.compress(b"more")))
    halves = (gzip.compress(part, compresslevel=1) for part in (content[:middle], content[middle:]))
    return b"".join(halves) + behind
