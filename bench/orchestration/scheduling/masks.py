"""Sets of small whole numbers as the bits of one number, as Linux writes the CPUs of an affinity mask."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def mask(numbers: tuple[int, ...]) -> int:
    """The bits of `numbers`. Nodes are much alike, so the same few sets come again and again."""
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


@lru_cache(maxsize=4096)
def members(bits: int) -> tuple[int, ...]:
    """Which bits are set, lowest first."""
    numbers = list[int]()
    while bits:
        lowest = bits & -bits
        numbers.append(lowest.bit_length() - 1)
        bits ^= lowest
    return tuple(numbers)


@lru_cache(maxsize=4096)
def lowest(bits: int, count: int) -> int:
    """The `count` lowest of the bits that are set: all of them where there are no more."""
    rest = bits
    for _ in range(min(count, bits.bit_count())):
        rest &= rest - 1
    return bits ^ rest
