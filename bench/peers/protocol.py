"""What the agent says: lines that begin with `BENCH`, among whatever else comes over a console."""

import re
from dataclasses import dataclass

_SAID = re.compile(r"BENCH (ready|done (\d+) (\d+\.\d+))$")


@dataclass(frozen=True)
class Answer:
    """What a command printed, its exit status, and its seconds by the machine's own clock. The first is of the boot."""

    lines: tuple[str, ...]
    status: int = 0
    seconds: float = 0.0


class Transcript:
    """Finds the answers in the bytes of a console."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> list[Answer]:
        """Take what came next; return the answers that are complete with it."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        answers = []
        for raw in whole:
            line = raw.decode(errors="replace").rstrip("\r")
            if found := _SAID.search(line):
                answers.append(Answer(tuple(self._lines), int(found[2] or 0), float(found[3] or 0)))
                self._lines = []
            else:
                self._lines.append(line)
        return answers

    def tail(self, count: int = 3) -> str:
        """Return the last lines that belong to no answer yet, for an error message."""
        said = [line.strip() for line in (*self._lines, self._rest.decode(errors="replace")) if line.strip()]
        return " / ".join(said[-count:])
