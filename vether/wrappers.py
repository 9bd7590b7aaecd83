"""The control operations `netem` and `capture`: what stands between a port and its peer."""

import contextlib
from collections.abc import Mapping
from typing import Any

import trio

from vether.control import ControlError
from vether.control.aio import Call
from vether.errors import SpecError
from vether.netem import DIRECTIONS, Direction
from vether.network import Network
from vkd._native import Switch

#: Bytes of records that wait for a client; one message holds them.
_MEMORY = 2 * 1024 * 1024


def netem_untrusted(network: Network, args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Patch (`set`) or remove (`clear`) impairments of `port` and return its rows. Raises `ControlError`."""
    port, direction, settings = args.get("port"), args.get("direction"), args.get("set", {})
    if not isinstance(port, str) or direction not in {None, *DIRECTIONS} or not isinstance(settings, dict):
        raise ControlError("invalid", "netem takes port, direction (in or out), set (a map) and clear")
    _check_port(network.switch, port)
    directions: tuple[Direction, ...] = DIRECTIONS if direction is None else (direction,)
    try:
        network.impairments.patch_untrusted(port, directions, settings, clear=bool(args.get("clear")))
    except SpecError as error:
        raise ControlError("invalid", error.message, error.hint) from error
    return network.impairments.rows(port)


async def capture_untrusted(switch: Switch, call: Call) -> dict[str, Any]:
    """Send a pcapng file, whole blocks in each event, until the client hangs up. Returns what was recorded and lost."""
    number = _start_untrusted(switch, call.args)
    try:
        ready = switch.capture_fd(number)
        gone = await _forward(switch, number, ready, call)
        tally = next(row for row in switch.captures() if row["number"] == number)
        trio.lowlevel.notify_closing(ready)
        last = switch.stop_capture(number)
    except BaseException:
        with contextlib.suppress(KeyError, RuntimeError):
            switch.stop_capture(number)
        raise
    if gone:
        raise trio.BrokenResourceError
    await call.send(last)
    return {key: tally[key] for key in ("packets", "lost")}


async def _forward(switch: Switch, number: int, ready: int, call: Call) -> bool:
    """Forward records until the client hangs up; return whether it is gone altogether."""
    ended = False
    waiting = trio.CancelScope()

    async def watch() -> None:
        nonlocal ended
        await call.hung_up()
        ended = True
        waiting.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        try:
            while not ended:
                # The wait alone is cancelled: a message that is half sent would be the end of the conversation.
                with waiting:
                    await trio.lowlevel.wait_readable(ready)
                if not ended and (data := switch.take_capture(number)):
                    await call.send(data)
                if not ended:
                    waiting = trio.CancelScope()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return True
        finally:
            nursery.cancel_scope.cancel()
    return False


def _start_untrusted(switch: Switch, args: Mapping[str, Any]) -> int:
    ports, direction = args.get("ports"), args.get("direction", "both")
    text, snaplen = args.get("filter", ""), args.get("snaplen", 0)
    known = ports is None or (isinstance(ports, list) and all(isinstance(port, str) for port in ports))
    if not known or not isinstance(direction, str) or not isinstance(text, str):
        raise ControlError("invalid", "capture takes ports (a list), direction, filter and snaplen")
    if not isinstance(snaplen, int) or not 0 <= snaplen <= 262144:
        raise ControlError("invalid", f"snaplen: {snaplen!r} is not between 0 and 262144")
    for port in ports or ():
        _check_port(switch, port)
    try:
        return switch.start_capture(ports, direction=direction, filter=text, snaplen=snaplen, memory=_MEMORY)
    except ValueError as error:
        raise ControlError("invalid", str(error)) from error


def _check_port(switch: Switch, port: str) -> None:
    names = [known["name"] for known in switch.ports()]
    if port not in names:
        raise ControlError("invalid", f"there is no port {port!r}", f"there are: {', '.join(names) or 'none'}")
