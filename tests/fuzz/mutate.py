"""Small changes to bytes and to values, all drawn from one `random.Random`."""

TEXTS = (
    "",
    " ",
    "x",
    "0",
    "-1",
    "1e9",
    "nan",
    "true",
    "fused",
    "2026-01-31T14:25:30",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "two\nlines\r",
    "null\0byte",
    "\u202eright to left",
    "\ud800",
    "[bold]markup[/bold]",
    "[/]",
    "| pipe | `tick`",
    "<script>alert(1)</script>",
    "{{ braces }}",
    "ß" * 300,
    "~nosuchuser/x",
    "../../../etc/passwd",
)
NUMBERS = (
    0,
    1,
    -1,
    2,
    10,
    255,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**40,
    0.5,
    -0.0,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)
SIZES = (0, 1, 4, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def damaged(data, random, times=None):
    """Bytes with one to four changes."""
    data = bytearray(data)
    for _ in range(times or random.randint(1, 4)):
        if data:
            random.choice((flip, cut, drop, double, splice, insert, stamp))(data, random)
    return bytes(data)


def flip(data, random):
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def cut(data, random):
    del data[random.randrange(len(data)) :]


def drop(data, random):
    start, end = span(data, random)
    del data[start:end]


def double(data, random):
    start, end = span(data, random)
    data[end:end] = data[start:end]


def splice(data, random):
    start, end = span(data, random)
    place = random.randrange(len(data))
    data[place : place + end - start] = data[start:end]


def insert(data, random):
    place = random.randrange(len(data))
    data[place:place] = random.randbytes(random.randint(1, 16))


def stamp(data, random):
    """A size that means something to somebody, over some bytes."""
    width = random.choice((1, 2, 4, 8))
    order = random.choice(("little", "big"))
    place = random.randrange(len(data))
    size = random.choice(SIZES) % (1 << 8 * width)
    data[place : place + width] = size.to_bytes(width, order)


def span(data, random):
    start = random.randrange(len(data))
    return start, min(len(data), start + random.choice((1, 2, 8, 64, 1024)))


def value(random, depth=2):
    """Whatever JSON can hold."""
    kind = random.randrange(6 if depth else 4)
    if kind == 0:
        return random.choice((None, True, False))
    if kind in (1, 2):
        return random.choice(NUMBERS)
    if kind == 3:
        return random.choice(TEXTS)
    parts = [value(random, depth - 1) for _ in range(random.randint(0, 3))]
    return parts if kind == 4 else {random.choice(TEXTS): part for part in parts}


def place_in(tree, random):
    """A container somewhere in a tree of dicts and lists, and a key of it; None where there is none."""
    while isinstance(tree, dict | list) and tree:
        key = random.choice(list(tree)) if isinstance(tree, dict) else random.randrange(len(tree))
        if not isinstance(tree[key], dict | list) or not tree[key] or random.random() < 0.2:
            return tree, key
        tree = tree[key]
    return None


def change(tree, random):
    """One change in place: a value in place of another, a key that is gone, added or renamed."""
    found = place_in(tree, random)
    if found is None:
        return
    holder, key = found
    how = random.randrange(6)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[random.choice(TEXTS)] = holder.pop(key)
    elif how == 2 and isinstance(holder, dict):
        holder[random.choice(TEXTS)] = value(random)
    else:
        holder[key] = value(random)
