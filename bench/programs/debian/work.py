"""A little of what Python programs do: numbers, objects, dictionaries, text, regular expressions, JSON, sorting."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import reduce
from typing import Any

TURNS = 3


class Vector:
    """A small object with methods."""

    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.x + other.x, self.y + other.y)

    def scaled(self, by: float) -> "Vector":
        """Return a longer or shorter one."""
        return Vector(self.x * by, self.y * by)


def objects() -> float:
    """Make and drop objects, call their methods, compute with floats."""
    at, speed = Vector(0, 0), Vector(1, 0.5)
    for step in range(30_000):
        at += speed.scaled(0.01)
        speed = Vector(speed.x - at.x * 0.001, speed.y - at.y * 0.001 + step % 3)
    return round(at.x + at.y, 6)


def integers() -> int:
    """Divide small integers, multiply long ones."""
    primes = [n for n in range(2, 6000) if all(n % d for d in range(2, int(n**0.5) + 1))]
    return reduce(lambda product, prime: product * prime, primes[:400]) % 1_000_000_007 + sum(primes)


def text() -> int:
    """Format, count, join, search and split."""
    words = [f"w{n * 7919 % 1009:04d}" for n in range(30_000)]
    counts = Counter(words)
    joined = " ".join(words)
    found = re.findall(r"w(0\d+)[13579]\b", joined)
    return len(joined.replace("w", "").split()) + len(found) + counts.most_common(1)[0][1]


def structures() -> int:
    """Build lists and dictionaries, write and read them as JSON, sort and group them."""
    rows = [{"id": n, "name": f"row {n}", "tags": [n % 7, n % 11], "value": n / 3} for n in range(4_000)]
    back: list[dict[str, Any]] = json.loads(json.dumps(rows))
    back.sort(key=lambda row: (row["tags"], -row["value"]))
    groups: dict[int, list[int]] = {}
    for row in back:
        groups.setdefault(row["tags"][0], []).append(row["id"])
    return sum(len(ids) * key for key, ids in groups.items()) + int(back[17]["id"])


def generators() -> int:
    """Draw from a generator."""

    def pairs(limit: int) -> Iterator[tuple[int, int]]:
        for n in range(limit):
            yield n, n * n

    return sum(square for n, square in pairs(60_000) if n & 1 and square % 3 == 1)


results = [[objects(), integers(), text(), structures(), generators()] for _ in range(TURNS)]
print("BENCH check", hashlib.sha256(repr(results).encode()).hexdigest())
