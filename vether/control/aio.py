"""The protocol over trio: a server for daemons, and a client for daemons that talk to daemons."""

import contextlib
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import trio

from vether.control.codec import ControlError, Decoder, Message, ProtocolError, encode

log = logging.getLogger(__name__)

_UCRED = struct.Struct("3i")


class Call:
    """One request under way: its arguments, and a way to send events before the end."""

    def __init__(self, op: str, args: Message, stream: trio.SocketStream) -> None:
        self.op = op
        self.args = args
        self._stream = stream

    async def send(self, event: object) -> None:
        """Send one event to the client; raises ``trio.BrokenResourceError`` when it is gone."""
        await self._stream.send_all(encode({"event": event}))

    async def hung_up(self) -> None:
        """Wait until the client has nothing more to say: it is gone, or has shut its side and waits for the end."""
        with contextlib.suppress(trio.BrokenResourceError):
            while await self._stream.receive_some():
                pass


#: An operation: takes the call, returns the value of ``ok``, raises ``ControlError`` to fail.
Handler = Callable[[Call], Awaitable[Any]]


async def serve(
    path: Path,
    handlers: Mapping[str, Handler],
    *,
    inherited: socket.socket | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests at the unix socket ``path`` until cancelled; then remove the socket.

    ``path`` must not exist or be a dead socket that the caller owns (callers hold a lock on the folder). A socket
    ``inherited`` listens there already; it is closed in the end, and stays where it is for whoever made it.
    """
    if inherited is not None:
        inherited.setblocking(False)
        with trio.socket.from_stdlib_socket(inherited) as listening:
            task_status.started()
            await trio.serve_listeners(partial(_converse, handlers), [trio.SocketListener(listening)])
        return
    with trio.socket.from_stdlib_socket(_listen(path)) as listening:
        inode = path.stat().st_ino
        try:
            task_status.started()
            await trio.serve_listeners(partial(_converse, handlers), [trio.SocketListener(listening)])
        finally:
            if path.exists() and path.stat().st_ino == inode:
                path.unlink()


def _listen(path: Path) -> socket.socket:
    """Return a listening socket of mode 0600. No other task runs meanwhile: its folders would get that mode as well."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listening.bind(str(path))
        listening.listen(64)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(old)
    return listening


async def _converse(handlers: Mapping[str, Handler], stream: trio.SocketStream) -> None:
    async with stream:
        if not _same_user(stream):
            return
        decoder = Decoder()
        try:
            async for data in stream:
                for message in decoder.feed_untrusted(data):
                    await stream.send_all(await _answer_untrusted(message, handlers, stream))
        except ProtocolError as error:
            with trio.move_on_after(1):
                await stream.send_all(encode(ControlError("protocol", str(error)).to_message()))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


async def _answer_untrusted(message: Message, handlers: Mapping[str, Handler], stream: trio.SocketStream) -> bytes:
    """Return the answer, packed: a value that cannot be packed is an error of its operation, not of the daemon."""
    op, args = message.get("op"), message.get("args", {})
    if not isinstance(op, str) or not isinstance(args, dict):
        raise ProtocolError("a request must have op (a string) and args (a map)")
    handler = handlers.get(op)
    if handler is None:
        known = ", ".join(sorted(handlers))
        return encode(ControlError("unknown-op", f"no operation {op!r}; there are: {known}").to_message())
    try:
        return encode({"ok": await handler(Call(op, args, stream))})
    except ControlError as error:
        return encode(error.to_message())
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise
    except Exception as error:
        log.exception("operation %s failed", op)
        hint = "this is a defect; the daemon's log has more"
        return encode(ControlError("internal", f"{op}: {error!r}", hint).to_message())


def _same_user(stream: trio.SocketStream) -> bool:
    credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(credentials)
    return uid in {0, os.getuid()}


async def call(path: Path, op: str, **args: object) -> Any:
    """Connect to ``path``, run ``op``, return its value. Raises ``ControlError``, ``ProtocolError`` or ``OSError``."""
    result = None
    async for kind, value in _exchange(path, op, args):
        if kind == "ok":
            result = value
    return result


async def events(path: Path, op: str, **args: object) -> AsyncIterator[Any]:
    """Connect to ``path``, run ``op`` and yield its events until it ends. Close the generator to hang up."""
    async for kind, value in _exchange(path, op, args):
        if kind == "event":
            yield value


async def _exchange(path: Path, op: str, args: Message) -> AsyncIterator[tuple[str, Any]]:
    try:
        stream = await trio.open_unix_socket(str(path))
    except trio.BrokenResourceError as error:  # pragma: no cover - a race with the server's end
        raise ConnectionResetError(f"{path}: {error}") from error
    async with stream:
        await stream.send_all(encode({"op": op, "args": args}))
        decoder = Decoder()
        async for data in stream:
            for message in decoder.feed_untrusted(data):
                if "error" in message:
                    raise ControlError.from_message_untrusted(message["error"])
                if "ok" in message:
                    yield "ok", message["ok"]
                    return
                yield "event", message.get("event")
        raise ConnectionResetError(f"{path}: closed before the answer was complete")
