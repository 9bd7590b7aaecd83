"""The HTTP server of metrics: one page, few connections, each for a short time."""

import contextlib
import errno
import importlib
import logging
import socket
import struct
from collections.abc import Awaitable, Callable

import trio

from vether.errors import HostLacksError, VetherError
from vether.metrics import http
from vether.metrics.address import check_address
from vether.metrics.http import HttpError, Request

log = logging.getLogger(__name__)

PATH = "/metrics"

#: Connections at once; one more ends the oldest.
_CONNECTIONS = 16
#: Seconds that a connection has.
_PATIENCE = 10.0
#: Bytes of what comes behind a request that are read so that the answer arrives.
_REST = 1024 * 1024

_INSTALL = "install it: pip install prometheus-client; or take `metrics` out"

#: Returns a page and its content type.
Page = Callable[[], Awaitable[tuple[bytes, str]]]


class Endpoint:
    """Serves `page` at an address, which may change. :meth:`serve` runs beside it."""

    def __init__(self) -> None:
        #: What is served; set before :meth:`serve` runs.
        self.page: Page | None = None
        self._address: str | None = None
        self._listening: trio.socket.SocketType | None = None
        self._nursery: trio.Nursery | None = None
        self._connections: dict[trio.CancelScope, None] = {}

    def set(self, address: str | None) -> list[str]:
        """Serve at `address` from now on, or nowhere. Returns what changed, a line or none.

        Raises `VetherError` if that cannot be; nothing changes then.
        """
        if address == self._address:
            return []
        was = self._address is not None
        listening = None if address is None else self._listen_instead(address)
        self.close()
        self._address, self._listening = address, listening
        self._begin()
        if address is None:
            return ["metrics: removed"]
        return [f"metrics: {'changed' if was else 'added'}: http://{address}{PATH}"]

    def close(self) -> None:
        """Accept no more connections."""
        listening, self._listening, self._address = self._listening, None, None
        if listening is not None:
            listening.close()

    def _listen_instead(self, address: str) -> trio.socket.SocketType:
        """Listen at `address`. A port of all addresses is one of each: our own socket may be in the way, and goes."""
        try:
            return _listen(address)
        except VetherError as error:
            was = self._address
            cause = error.__cause__
            if was is None or not isinstance(cause, OSError) or cause.errno != errno.EADDRINUSE:
                raise
        self.close()
        try:
            return _listen(address)
        except VetherError:
            self._address, self._listening = was, _listen(was)
            self._begin()
            raise

    async def serve(self) -> None:
        """Answer requests until cancelled."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._begin()
                await trio.sleep_forever()
        finally:
            self._nursery = None

    def _begin(self) -> None:
        if self._nursery is not None and self._listening is not None:
            self._nursery.start_soon(self._accept, self._listening, self._nursery)

    async def _accept(self, listening: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        while listening.fileno() >= 0:
            try:
                connection, _ = await listening.accept()
            except trio.ClosedResourceError:
                return
            except OSError as error:
                # No descriptors are left, or the peer was gone again.
                if error.errno == errno.EBADF:
                    return
                await trio.sleep(0.1)
                continue
            nursery.start_soon(self._converse, trio.SocketStream(connection))

    async def _converse(self, stream: trio.SocketStream) -> None:
        scope = trio.CancelScope(deadline=trio.current_time() + _PATIENCE)
        self._connections[scope] = None
        if len(self._connections) > _CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.cancel()
        try:
            with scope, contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await stream.send_all(await self._answer_untrusted(stream))
                await _part(stream)
                return
            # Whoever does not read would leave the kernel with the answer for minutes: the connection is reset.
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            self._connections.pop(scope, None)
            stream.socket.close()

    async def _answer_untrusted(self, stream: trio.SocketStream) -> bytes:
        try:
            request = await _read_untrusted(stream)
            body, content_type = await self._find(request)
        except HttpError as error:
            return http.refuse(error)
        return http.answer(200, body, content_type, head=request.method == "HEAD")

    async def _find(self, request: Request) -> tuple[bytes, str]:
        if request.method not in {"GET", "HEAD"}:
            raise HttpError(405, "GET and HEAD are answered here")
        if request.path != PATH or self.page is None:
            raise HttpError(404, f"there is {PATH} here, and nothing else")
        try:
            return await self.page()
        except Exception as error:
            log.exception("metrics")
            raise HttpError(500, "this is a defect; the daemon's log has more") from error


async def _read_untrusted(stream: trio.SocketStream) -> Request:
    reader = http.RequestReader()
    while data := await stream.receive_some(http.MAX_REQUEST):
        if request := reader.feed_untrusted(data):
            return request
    raise trio.BrokenResourceError


async def _part(stream: trio.SocketStream) -> None:
    """End the connection so that the answer arrives: with bytes unread it would be reset."""
    await stream.send_eof()
    left = _REST
    while left > 0 and (data := await stream.receive_some(4096)):
        left -= len(data)


def _listen(address: str) -> trio.socket.SocketType:
    try:
        # Said now, not when somebody asks for the page.
        importlib.import_module("prometheus_client")
    except ImportError as error:
        raise HostLacksError(f"metrics need prometheus-client ({error})", hint=_INSTALL) from error
    host, port = check_address("metrics", address)
    listening = socket.socket(socket.AF_INET if host.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((str(host), port))
        listening.listen(_CONNECTIONS)
        return trio.socket.from_stdlib_socket(listening)
    except OSError as error:
        listening.close()
        what = f"cannot serve metrics at {address}: {error.strerror}"
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise HostLacksError(what, hint="ports below 1024 need root; take a higher one") from error
        hints = {
            errno.EADDRINUSE: "another program has it; take another port",
            errno.EADDRNOTAVAIL: "this host has no such address; take one of its own, or 127.0.0.1",
        }
        raise VetherError(what, hint=hints.get(error.errno or 0)) from error
