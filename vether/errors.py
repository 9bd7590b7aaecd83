"""What can go wrong for a user of vether, with the exit code that the command line ends with."""

from typing import ClassVar


class VetherError(Exception):
    """Something failed. The message says what, `hint` what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(VetherError):
    """A wrong key, value or usage."""

    exit_code = 2


class NotRunningError(VetherError):
    """No switch of that name runs."""

    exit_code = 3


class HostLacksError(VetherError):
    """The host has no library, right or resource that is needed."""

    exit_code = 5
