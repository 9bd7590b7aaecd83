"""Talking to the daemon from a command."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from vether.control import ControlError
from vether.control.client import Client
from vkd.api import Event, Inspection, Row, from_control
from vkd.errors import NotFoundError, TimeoutExpired, VkdError
from vkd.paths import control_socket, store_file

#: The daemon answers what needs no waiting within so long, seconds.
PATIENCE = 10.0

T = TypeVar("T")


def connect(*, start: bool = False, timeout: float | None = PATIENCE) -> Client | None:
    """Return a connection to the daemon, or nothing if there is none.

    With `start` one is started. It is started too when an earlier one left clusters, which it takes over.
    """
    try:
        return Client(control_socket(), timeout)
    except OSError:
        if not start and not store_file().exists():
            return None
    from vkd.daemon import spawn  # noqa: PLC0415 - needed on this path only

    spawn()
    try:
        return Client(control_socket(), timeout)
    except OSError as error:
        raise VkdError(f"cannot reach the vkd daemon: {error.strerror or error}", hint="see `vkd doctor`") from error


def ask(op: str, answer: type[T], **arguments: object) -> T | None:
    """Run an operation and return its value, or nothing if there is no daemon. Raises `VkdError`."""
    client = connect()
    if client is None:
        return None
    with client, control_errors():
        return msgspec.convert(client.call(op, **arguments), answer)


def ask_guest(op: str, answer: type[T], guest: str) -> T:
    """Run an operation on one guest and return its value. Raises `NotFoundError` if it is not there."""
    value = ask(op, answer, guest=guest)
    if value is None:
        raise no_such_guest(guest)
    return value


def no_such_guest(guest: str) -> NotFoundError:
    """Return the error for a guest when no cluster runs at all."""
    return NotFoundError(f"no guest {guest!r}", hint="no cluster runs; `vkd up` starts one")


def no_such_cluster(cluster: str) -> NotFoundError:
    """Return the error for a cluster when none runs at all."""
    return NotFoundError(f"no cluster {cluster!r}", hint="no cluster runs; `vkd up` starts one")


def ask_clusters(op: str, answer: type[T], cluster: str | None, **arguments: object) -> T | None:
    """Run an operation on one cluster or on all; nothing without a daemon. Raises `NotFoundError`."""
    value = ask(op, answer, cluster=cluster, **arguments)
    if value is None and cluster is not None:
        raise no_such_cluster(cluster)
    return value


def rows(cluster: str | None = None, *, everything: bool = True) -> list[Row]:
    """Return the guests that the daemon knows; none without a daemon. Raises `NotFoundError` for `cluster`."""
    return ask_clusters("ps", list[Row], cluster, all=everything) or []


def inspect(guest: str) -> Inspection:
    """Return all that the daemon knows of one guest."""
    return ask_guest("inspect", Inspection, guest)


def follow(client: Client, op: str, **arguments: object) -> Generator[Event, None, Any]:
    """Run an operation that takes its time: yields its events, returns its value. Raises `VkdError`."""
    with control_errors():
        stream = client.stream(op, **arguments)
        while True:
            try:
                event = next(stream)
            except StopIteration as end:
                return end.value
            yield msgspec.convert(event, Event)


@contextmanager
def control_errors() -> Generator[None, None, None]:
    """Raise what the daemon reports, and its silence, as `VkdError`."""
    try:
        yield
    except ControlError as error:
        raise from_control(error) from error
    except TimeoutError as error:
        raise TimeoutExpired(
            "the vkd daemon does not answer", hint="see `vkd doctor`; its log is named there"
        ) from error
    except msgspec.ValidationError as error:
        raise VkdError(
            f"the vkd daemon speaks otherwise: {error}", hint="is it of another version? restart it"
        ) from error
