"""Small readers for the kernel's text files under /proc and /sys.

Every reader gives None where the file is missing, unreadable or not what was expected: what a machine does
not tell is left out of the record, it never ends a run. `root` stands for `/`; tests pass a made-up tree.
"""

from pathlib import Path

ROOT = Path("/")


def read_text(path: Path) -> str | None:
    """The file's text without blanks at its ends, or None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """The file's one whole number, or None where it cannot be read or is not a number."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None


def read_pairs(path: Path) -> dict[str, int]:
    """`name number` per line (cpu.stat, memory.stat), lines of any other shape left out."""
    pairs: dict[str, int] = {}
    for line in (read_text(path) or "").splitlines():
        match line.split():
            case [name, number] if number.isdigit():
                pairs[name] = int(number)
    return pairs


def parse_cores(text: str) -> tuple[int, ...]:
    """Core numbers in the kernel's list format: "0-3,8" gives (0, 1, 2, 3, 8).

    Source: "List format" in cpuset(7). Raises ValueError where the text is not such a list.
    """
    cores: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(cores))


def read_cores(path: Path) -> tuple[int, ...] | None:
    """The file's core list, or None where it cannot be read, is empty or is not a list."""
    try:
        return parse_cores(read_text(path) or "") or None
    except ValueError:
        return None
