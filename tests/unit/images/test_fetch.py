from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vkd.errors import ImageError
from vkd.images.cache import Cache
from vkd.images.fetch import DELAYS, Remote, fetch, fetch_small
from vkd.images.progress import Progress, Watcher

DATA = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(DATA).hexdigest()


@dataclass
class Server:
    """A mirror with faults: `fault` handles a request instead of the ordinary answer while it returns True."""

    url: str
    ranges: list[str | None] = field(default_factory=list)
    fault: Callable[[BaseHTTPRequestHandler, int], bool] = lambda _handler, _count: False
    content: bytes = DATA
    honours_range: bool = True

    def remote(self, digest: str = DIGEST) -> Remote:
        return Remote(f"{self.url}/pool/thing.deb", digest, len(DATA))


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.ranges.append(self.headers.get("Range"))
            if made.fault(self, len(made.ranges)):
                return
            start = 0
            if made.honours_range and (asked := self.headers.get("Range")):
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(made.content) - 1}/{len(made.content)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(made.content) - start))
            self.end_headers()
            self.wfile.write(made.content[start:])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        made = Server(f"http://127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        http.shutdown()
        thread.join()


def partial(handler: BaseHTTPRequestHandler, size: int, *, reset: bool = False, start: int = 0) -> None:
    """Answer with `size` bytes only of all that was promised, then end or reset the connection."""
    if start:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(len(DATA) - start))
    handler.end_headers()
    handler.wfile.write(DATA[start : start + size])
    handler.wfile.flush()
    if reset:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def names(cache: Cache) -> list[str]:
    return sorted(path.name for path in (cache.root / "blobs").iterdir())


def test_a_download_comes_once(server: Server, cache: Cache) -> None:
    steps: list[Progress] = []
    path = fetch(server.remote(), cache, Watcher(steps.append))
    assert path.read_bytes() == DATA
    assert names(cache) == [DIGEST]
    assert steps[-1] == Progress("download", "thing.deb", len(DATA), len(DATA))
    assert fetch(server.remote(), cache, Watcher()) == path
    assert server.ranges == [None]


@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_connection_is_resumed(server: Server, cache: Cache, reset: bool) -> None:
    def fault(handler: BaseHTTPRequestHandler, count: int) -> bool:
        if count == 1:
            partial(handler, 300_000, reset=reset)
        return count == 1

    server.fault = fault
    slept: list[float] = []
    path = fetch(server.remote(), cache, Watcher(), slept.append)
    assert path.read_bytes() == DATA
    assert slept == [DELAYS[0]]
    assert len(server.ranges) == 2
    if not reset:  # A reset may discard what was on its way.
        assert server.ranges[1] == "bytes=300000-"


def test_progress_begins_the_tries_anew(server: Server, cache: Cache) -> None:
    step = 100_000

    def fault(handler: BaseHTTPRequestHandler, count: int) -> bool:
        partial(handler, step, start=step * (count - 1))
        return True

    server.fault = fault
    path = fetch(server.remote(), cache, Watcher(), lambda _: None)
    assert path.read_bytes() == DATA
    assert len(server.ranges) == 11


def test_what_came_is_kept_for_the_next_run(server: Server, cache: Cache) -> None:
    def fault(handler: BaseHTTPRequestHandler, count: int) -> bool:
        if count == 1:
            partial(handler, 5000)
        else:
            handler.send_error(503)
        return True

    server.fault = fault
    with pytest.raises(ImageError, match=r"could not get .*/pool/thing\.deb: HTTP 503"):
        fetch(server.remote(), cache, Watcher(), lambda _: None)
    assert names(cache) == [f"{DIGEST}.part"]
    assert cache.blob(DIGEST).with_suffix(".part").read_bytes() == DATA[:5000]
    server.fault = lambda _handler, _count: False
    assert fetch(server.remote(), cache, Watcher()).read_bytes() == DATA
    assert server.ranges[-1] == "bytes=5000-"
    assert names(cache) == [DIGEST]


def test_a_server_without_ranges_starts_again(server: Server, cache: Cache) -> None:
    server.honours_range = False
    part = cache.blob(DIGEST).with_suffix(".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"rubbish")
    assert fetch(server.remote(), cache, Watcher()).read_bytes() == DATA


def test_a_wrong_part_is_found_and_removed(server: Server, cache: Cache) -> None:
    part = cache.blob(DIGEST).with_suffix(".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"rubbish")
    with pytest.raises(ImageError, match="corrupt"):
        fetch(server.remote(), cache, Watcher())
    assert names(cache) == []


@pytest.mark.parametrize("content", [DATA[:-1] + b"x", DATA + b"more"])
def test_a_wrong_digest_leaves_nothing(server: Server, cache: Cache, content: bytes) -> None:
    server.content = content
    wrong = "0" * 64 if content[: len(DATA)] == DATA else DIGEST
    with pytest.raises(ImageError, match=r"thing\.deb is corrupt: the SHA-256 of") as caught:
        fetch(server.remote(wrong), cache, Watcher(), lambda _: None)
    assert caught.value.hint
    assert names(cache) == []


def test_not_found_is_final(server: Server, cache: Cache) -> None:
    def fault(handler: BaseHTTPRequestHandler, _count: int) -> bool:
        handler.send_error(404)
        return True

    server.fault = fault
    with pytest.raises(ImageError, match=r"could not get .*thing\.deb: HTTP 404"):
        fetch(server.remote(), cache, Watcher(), lambda _: None)
    assert len(server.ranges) == 1
    assert names(cache) == []


def test_no_network_names_the_file(cache: Cache) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/pool/thing.deb"
        slept: list[float] = []
        with pytest.raises(ImageError, match=r"could not get http.*thing\.deb: .*refused") as caught:
            fetch(Remote(url, DIGEST, 10), cache, Watcher(), slept.append)
    assert slept == list(DELAYS)
    assert "kept" in str(caught.value.hint)


def test_giving_up_keeps_the_part(server: Server, cache: Cache) -> None:
    class GivenUp(Exception):  # noqa: N818
        pass

    def check() -> None:
        if cache.blob(DIGEST).with_suffix(".part").exists():
            raise GivenUp

    with pytest.raises(GivenUp):
        fetch(server.remote(), cache, Watcher(check=check))
    assert names(cache) == [f"{DIGEST}.part"]


def test_two_at_once_download_once(server: Server, cache: Cache) -> None:
    go = threading.Event()

    def fault(_handler: BaseHTTPRequestHandler, _count: int) -> bool:
        go.wait(5)
        return False

    server.fault = fault
    waits: list[Progress] = []

    def report(step: Progress) -> None:
        if step.phase == "wait":
            waits.append(step)
            go.set()

    threads = [threading.Thread(target=fetch, args=(server.remote(), cache, Watcher(report))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert server.ranges == [None]
    assert len(waits) == 1
    assert cache.blob(DIGEST).read_bytes() == DATA


def test_a_mirror_in_a_folder(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "thing.deb").write_bytes(DATA)
    url = f"file:{tmp_path}/thing.deb"
    assert fetch(Remote(url, DIGEST, len(DATA)), cache, Watcher()).read_bytes() == DATA
    assert fetch_small(url, Watcher(), len(DATA)) == DATA
    with pytest.raises(ImageError, match="larger than"):
        fetch_small(url, Watcher(), len(DATA) - 1)
    with pytest.raises(ImageError, match="no such file"):
        fetch_small(f"file:{tmp_path}/none", Watcher(), 10, lambda _: None)


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match="cannot make the cache folder") as caught:
        fetch(Remote("http://127.0.0.1/x", DIGEST, 1), Cache(tmp_path / "file"), Watcher())
    assert "XDG_CACHE_HOME" in str(caught.value.hint)


def test_a_download_that_went_bad_in_the_cache(server: Server, cache: Cache) -> None:
    path = fetch(server.remote(), cache, Watcher())
    path.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(ImageError, match=r"thing\.deb is corrupt"):
        fetch(server.remote(), cache, Watcher())
    assert names(cache) == []
    assert fetch(server.remote(), cache, Watcher()).read_bytes() == DATA
