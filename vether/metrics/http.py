"""As much of HTTP/1.1 (RFC 9112) as one page takes: a request is read, an answer is made, the connection ends."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

#: The longest request, bytes, with the empty line at its end.
MAX_REQUEST = 8192

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VERSION = re.compile(rb"HTTP/(\d)\.(\d)\Z")
_END = re.compile(rb"\r?\n\r?\n")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    505: "HTTP Version Not Supported",
}


class HttpError(Exception):
    """The request is answered with a status other than 200; the text says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its method, and the path of its target without the query."""

    method: str
    path: str


class RequestReader:
    """Gathers bytes until they are a request."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed_untrusted(self, data: bytes | bytearray) -> Request | None:
        """Take `data` and return the request, once it is whole. What follows it is ignored. Raises `HttpError`."""
        # An end may begin three bytes before what is new.
        searched = max(len(self._buffer) - 3, 0)
        self._buffer += data
        end = _END.search(self._buffer, searched, MAX_REQUEST)
        if end is not None:
            return parse_untrusted(bytes(self._buffer[: end.start()]))
        if len(self._buffer) >= MAX_REQUEST:
            raise HttpError(431, f"the request is longer than {MAX_REQUEST} bytes")
        return None


def parse_untrusted(head: bytes) -> Request:
    """Read a request line and its header fields, without the empty line. Raises `HttpError`."""
    # A client may send an empty line first (section 2.2).
    line, *fields = [line.removesuffix(b"\r") for line in head.lstrip(b"\r\n").split(b"\n")]
    words = line.split(b" ")
    version = _VERSION.match(words[-1]) if len(words) == 3 else None
    if version is None or not _TOKEN.match(words[0]) or not words[1]:
        raise HttpError(400, "the request line is not METHOD TARGET HTTP/1.1")
    if version[1] != b"1":
        raise HttpError(505, "HTTP/1.1 and 1.0 are spoken here")
    hosts = 0
    for field in fields:
        name, colon, value = field.partition(b":")
        if not colon or not _TOKEN.match(name) or not _VALUE.match(value):
            raise HttpError(400, "a header field is not NAME: VALUE")
        hosts += name.lower() == b"host"
    if hosts > 1 or (hosts == 0 and version[2] != b"0"):
        raise HttpError(400, "a request has one field Host")
    return Request(words[0].decode(), _path(words[1]))


def _path(target: bytes) -> str:
    try:
        text = target.decode("ascii")
        path = text.partition("?")[0] if text.startswith("/") else urlsplit(text).path
    except ValueError:
        raise HttpError(400, "the target is no path and no URL") from None
    if not path.isprintable():
        raise HttpError(400, "the target is no path and no URL")
    return path


def answer(status: int, body: bytes, content_type: str, *, head: bool = False) -> bytes:
    """Return a whole answer, after which the connection ends; with `head` it is without its body."""
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(["Allow: GET, HEAD"] if status == 405 else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if head else body)


def refuse(error: HttpError) -> bytes:
    """Return the answer that says why."""
    return answer(error.status, f"{error.text}\n".encode(), "text/plain; charset=utf-8")
