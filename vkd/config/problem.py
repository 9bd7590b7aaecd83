"""What is wrong with a cluster file, collected so that all of it is told at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vkd.errors import ConfigError

#: Where a value stands: keys and list indices from the top of the file.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong at `path`; `allowed` says what would be right, `hint` what may have been meant."""

    path: KeyPath
    message: str
    allowed: str | None = None
    hint: str | None = None

    @property
    def text(self) -> str:
        """The problem on one line, without its place."""
        where = dotted(self.path)
        parts = [f"{where}: {self.message}" if where else self.message]
        if self.hint:
            parts.append(self.hint)
        elif self.allowed:
            parts.append(f"allowed: {self.allowed}")
        return "; ".join(parts)


@dataclass
class Problems:
    """The problems found so far."""

    found: list[Problem] = field(default_factory=list)

    def add(self, path: KeyPath, message: str, *, allowed: str | None = None, hint: str | None = None) -> None:
        """Add a problem unless the same one is known."""
        problem = Problem(path, message, allowed, hint)
        if problem not in self.found:
            self.found.append(problem)


class InvalidFileError(ConfigError):
    """A cluster file is wrong. `problems` are `(line or None, text)`, sorted by line; the message has all of them."""

    def __init__(self, source: str, problems: Sequence[tuple[int | None, str]]) -> None:
        self.source = source
        self.problems = sorted(problems, key=lambda problem: problem[0] or 0)
        places = (f"{source}:{line}" if line else source for line, _ in self.problems)
        super().__init__("\n".join(f"{place}: {text}" for place, (_, text) in zip(places, self.problems, strict=True)))


def dotted(path: KeyPath) -> str:
    """Return `path` as TOML writes it, with list indices in brackets: `guests.a.nics[0].mac`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("-", "").replace("_", "")
            key = part if plain.isascii() and plain.isalnum() else _quoted(part)
            text += f".{key}" if text else key
    return text


def _quoted(key: str) -> str:
    shown = key if len(key) <= 60 else f"{key[:57]}..."
    return '"' + shown.encode("unicode_escape").decode().replace('"', '\\"') + '"'
