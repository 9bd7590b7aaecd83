"""DNS: the network's names, what is asked outside, and any bytes whatever."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from vether.services.dns import Answer, Ask, Zone, fit_untrusted, respond_untrusted
from vether.services.shell import resolve, resolvers_of

ZONE = Zone(
    "lab.test", IPv4Network("10.0.0.0/24"), {"web": IPv4Address("10.0.0.2"), "gateway": IPv4Address("10.0.0.1")}
)


def ask(name: str, kind: str = "A") -> dns.message.Message | Ask:
    outcome = respond_untrusted(ZONE, dns.message.make_query(name, kind).to_wire())
    assert outcome is not None
    return dns.message.from_wire(outcome.payload) if isinstance(outcome, Answer) else outcome


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "value"),
    [
        ("web", "A", dns.rcode.NOERROR, "10.0.0.2"),
        ("WEB.Lab.Test", "A", dns.rcode.NOERROR, "10.0.0.2"),
        ("web.lab.test", "AAAA", dns.rcode.NOERROR, None),
        ("lab.test", "A", dns.rcode.NOERROR, None),
        ("nobody.lab.test", "A", dns.rcode.NXDOMAIN, None),
        ("a.web.lab.test", "A", dns.rcode.NXDOMAIN, None),
        ("nobody", "A", dns.rcode.NXDOMAIN, None),
        ("2.0.0.10.in-addr.arpa", "PTR", dns.rcode.NOERROR, "web.lab.test."),
        ("9.0.0.10.in-addr.arpa", "PTR", dns.rcode.NXDOMAIN, None),
    ],
)
def test_own_names_are_answered(name: str, kind: str, rcode: dns.rcode.Rcode, value: str | None) -> None:
    answer = ask(name, kind)
    assert isinstance(answer, dns.message.Message)
    assert answer.rcode() == rcode
    assert answer.flags & dns.flags.AA
    assert [str(record) for rrset in answer.answer for record in rrset] == ([value] if value else [])


@pytest.mark.parametrize("name", ["example.org", "web.lab.test.example.org", "xlab.test", "2.0.1.10.in-addr.arpa", "."])
def test_other_names_are_asked_outside(name: str) -> None:
    outcome = ask(name)
    assert isinstance(outcome, Ask)
    assert outcome.size == 512


def test_the_client_says_how_much_it_takes() -> None:
    outcome = respond_untrusted(ZONE, dns.message.make_query("a.org", "A", use_edns=0, payload=1400).to_wire())
    assert isinstance(outcome, Ask)
    assert outcome.size == 1400


def test_what_cannot_be_answered_is_refused_by_its_name() -> None:
    query = dns.message.make_query("web", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    answer = respond_untrusted(ZONE, query.to_wire())
    assert isinstance(answer, Answer)
    assert dns.message.from_wire(answer.payload).rcode() == dns.rcode.NOTIMP
    cut = dns.message.make_query("web", "A").to_wire()[:-3]
    answer = respond_untrusted(ZONE, cut)
    assert isinstance(answer, Answer)
    assert (answer.payload[:2], answer.payload[3] & 15) == (cut[:2], dns.rcode.FORMERR)
    assert respond_untrusted(ZONE, dns.message.make_response(dns.message.make_query("web", "A")).to_wire()) is None


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_answered_asked_or_dropped(data: bytes, like_dns: bool) -> None:
    if like_dns:
        data = data[:2].ljust(2) + b"\1\0\0\1\0\0\0\0\0\0" + data[2:]
    outcome = respond_untrusted(ZONE, data)
    if isinstance(outcome, Answer):
        assert outcome.payload[:2] == data[:2]
        assert outcome.payload[2] & 0x80


def test_a_long_response_is_cut_to_its_head() -> None:
    query = dns.message.make_query("a.org", "A")
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text("a.org.", 9, "IN", "A", *(f"9.9.9.{i}" for i in range(100))))
    wire = response.to_wire()
    assert fit_untrusted(wire, len(wire)) == wire
    cut = dns.message.from_wire(fit_untrusted(wire, 512))
    assert cut.flags & dns.flags.TC
    assert cut.id == query.id


@contextmanager
def resolver(*, answers: bool = True, truncated: bool = False) -> Iterator[int]:
    """A resolver on loopback, over UDP and TCP, that knows 9.9.9.9 for every name; yields its port."""
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(udp.getsockname())
        tcp.listen()

        def answer(wire: bytes) -> dns.message.Message:
            response = dns.message.make_response(dns.message.from_wire(wire))
            response.answer.append(dns.rrset.from_text(response.question[0].name, 9, "IN", "A", "9.9.9.9"))
            return response

        def serve_udp() -> None:
            while True:
                try:
                    wire, client = udp.recvfrom(2000)
                except OSError:
                    return
                if not wire:
                    return
                response = answer(wire)
                if truncated:
                    response.flags |= dns.flags.TC
                    response.answer.clear()
                if answers:
                    forged = answer(wire)
                    forged.id ^= 1
                    udp.sendto(forged.to_wire(), client)
                    udp.sendto(response.to_wire(), client)

        def serve_tcp() -> None:
            try:
                connection, _ = tcp.accept()
            except OSError:
                return
            with connection:
                wire = answer(connection.recv(2000)[2:]).to_wire()
                connection.sendall(len(wire).to_bytes(2, "big") + wire)

        threads = [threading.Thread(target=serve, daemon=True) for serve in (serve_udp, serve_tcp)]
        for thread in threads:
            thread.start()
        port = udp.getsockname()[1]
        yield port
        with socket.socket(type=socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        tcp.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)


@pytest.mark.parametrize("truncated", [False, True])
async def test_a_resolver_is_asked_and_its_answer_passed_on(truncated: bool) -> None:
    query = dns.message.make_query("a.org", "A")
    with resolver(truncated=truncated) as port:
        answer = dns.message.from_wire(await resolve(query, 512, ["127.0.0.1"], port))
    assert query.is_response(answer)
    assert str(next(iter(answer.answer[0]))) == "9.9.9.9"


async def test_no_resolver_is_a_failure_at_once_and_a_silent_one_in_time() -> None:
    query = dns.message.make_query("a.org", "A")
    for resolvers in ([], ["127.0.0.1"]):
        answer = dns.message.from_wire(await resolve(query, 512, resolvers, 9))
        assert answer.rcode() == dns.rcode.SERVFAIL
        assert query.is_response(answer)
    with resolver(answers=False) as port:
        began = trio.current_time()
        answer = dns.message.from_wire(await resolve(query, 512, ["127.0.0.1"] * 3, port))
        assert answer.rcode() == dns.rcode.SERVFAIL
        assert trio.current_time() - began < 5


def test_resolv_conf_is_read_for_what_it_is(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    assert resolvers_of(conf) == []
    conf.write_text("# x\nsearch a b\nnameserver 1.2.3.4\nnameserver nonsense\nnameserver fe80::1%eth0 \nnameserver")
    assert resolvers_of(conf) == ["1.2.3.4", "fe80::1%eth0"]
