"""The one family of errors that vkd raises for its users.

Every error carries the exit code that the command-line edge ends with and, where there is one, a hint: the next thing
to do. Only that edge prints and exits; everything else raises.

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage or configuration |
| 3 | no such guest, network or image |
| 4 | a wait timed out |
| 5 | the host lacks something |
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, Self


class VkdError(Exception):
    """Something failed. The message says what, `hint` says what to do next; neither ends in a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ConfigError(VkdError):
    """A wrong key, value or usage: the message names file and line where there are any, and what is allowed."""

    exit_code = 2


class NotFoundError(VkdError):
    """No guest, network or image has that name."""

    exit_code = 3

    @classmethod
    def named(cls, kind: str, name: str, known: Iterable[str]) -> Self:
        """`no KIND 'NAME'`, with the nearest of `known` as the hint, or all of them when none is near."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            hint = f"did you mean {near[0]!r}?"
        elif names:
            hint = f"there are: {', '.join(names)}"
        else:
            hint = f"there is no {kind} yet"
        return cls(f"no {kind} {name!r}", hint=hint)


class TimeoutExpired(VkdError):  # noqa: N818 - the word the standard library uses
    """A wait ended before what it waited for came."""

    exit_code = 4


class HostLacksError(VkdError):
    """The host has no program, device, right or memory that is needed."""

    exit_code = 5


class ImageError(VkdError):
    """An image, a package or its index could not be got, verified, read or built."""
