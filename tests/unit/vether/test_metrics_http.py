"""Requests as they should be, and any bytes at all."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vether.metrics.http import MAX_REQUEST, HttpError, Request, RequestReader, answer

GOOD = b"GET /metrics HTTP/1.1\r\nHost: localhost:9870\r\nAccept: */*\r\n\r\n"


def status(data: bytes) -> int:
    with pytest.raises(HttpError) as caught:
        RequestReader().feed_untrusted(data)
    return caught.value.status


@pytest.mark.parametrize(
    ("data", "request_"),
    [
        (GOOD, Request("GET", "/metrics")),
        (b"\r\n" + GOOD, Request("GET", "/metrics")),
        (GOOD.replace(b"\r\n", b"\n"), Request("GET", "/metrics")),
        (GOOD + b"trailing", Request("GET", "/metrics")),
        (b"HEAD /metrics?x=1 HTTP/1.1\r\nhost:\r\n\r\n", Request("HEAD", "/metrics")),
        (b"GET http://a.example/metrics?y HTTP/1.1\r\nHost: a.example\r\n\r\n", Request("GET", "/metrics")),
        (b"GET / HTTP/1.0\r\n\r\n", Request("GET", "/")),
        (b"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Request("DELETE", "/metrics")),
    ],
)
def test_requests_that_are_read(data: bytes, request_: Request) -> None:
    assert RequestReader().feed_untrusted(data) == request_


@pytest.mark.parametrize(
    "data",
    [
        b"GET /metrics\r\n\r\n",
        b"GET  /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\0\r\n\r\n",
        b"GET /m\xc3\xa4trics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[x/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G@T /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\n\n",
    ],
)
def test_requests_that_are_refused(data: bytes) -> None:
    assert status(data) == 400


def test_other_versions_and_endless_requests_are_refused() -> None:
    assert status(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505
    assert status(GOOD[:-2] + b"x" * MAX_REQUEST) == 431
    reader = RequestReader()
    for _ in range(MAX_REQUEST - 1):
        assert reader.feed_untrusted(b"x") is None
    with pytest.raises(HttpError, match="longer than 8192"):
        reader.feed_untrusted(b"x")


def read(data: bytes) -> Request | int | None:
    """Return the request, or the status with which it is refused."""
    try:
        return RequestReader().feed_untrusted(data)
    except HttpError as error:
        return error.status


@given(st.binary(max_size=300))
@example(b"\r\n\r\n")
@example(b"GET ? HTTP/1.0\r\n\r\n")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    result = read(data)
    assert result in {None, 400, 431, 505} or isinstance(result, Request)


line = st.text(st.sampled_from("GET /mHTP1.0:?[]@ \t\r\nhost"), max_size=40)


@given(st.lists(line, max_size=6))
def test_almost_requests_are_read_or_refused(lines: list[str]) -> None:
    result = read("\r\n".join(["GET /metrics HTTP/1.1", *lines, "", ""]).encode())
    assert result in {400, Request("GET", "/metrics")}


@given(line)
def test_almost_targets_are_read_or_refused(target: str) -> None:
    result = read(f"GET {target} HTTP/1.0\r\n\r\n".encode())
    assert result in {400, 505} or (isinstance(result, Request) and result.path.isprintable())


@given(st.lists(st.integers(0, len(GOOD)), max_size=8))
def test_it_does_not_matter_how_a_request_is_cut(cuts: list[int]) -> None:
    reader = RequestReader()
    places = [0, *sorted(cuts), len(GOOD)]
    pieces = [GOOD[a:b] for a, b in itertools.pairwise(places)]
    results = [reader.feed_untrusted(piece) for piece in pieces if piece]
    assert results[:-1] == [None] * (len(results) - 1)
    assert results[-1] == Request("GET", "/metrics")


def test_answers_have_their_length_and_no_body_for_head() -> None:
    whole = answer(200, b"page", "text/plain")
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 4\r\n" in whole
    assert whole.endswith(b"\r\n\r\npage")
    assert answer(200, b"page", "text/plain", head=True) == whole[:-4]
    assert b"Allow: GET, HEAD\r\n" in answer(405, b"", "text/plain")
