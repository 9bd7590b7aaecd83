"""A DNS server without input or output: the network's own names; for others it says that the host is to be asked.

Guests are found as `name` and `name.domain` and by their address (RFC 1035, RFC 2308). Names in the domain and
addresses in the subnet are answered here alone; they are never asked of the outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

#: Seconds that an answer may be kept: names follow an edited specification within this.
TTL = 30

#: UDP payload that every host takes, and that a client without EDNS takes at most (RFC 1035, section 4.2.1).
PLAIN_SIZE = 512

_HEADER = 12
_RESPONSE = 0x80


@dataclass(frozen=True)
class Zone:
    """The names of a network: lower-case labels without the domain."""

    domain: str
    network: IPv4Network
    names: Mapping[str, IPv4Address]


@dataclass(frozen=True)
class Answer:
    """A response, ready to be sent."""

    payload: bytes


@dataclass(frozen=True)
class Ask:
    """To be asked of the host's resolver. `size` is the longest response that the client takes over UDP, bytes."""

    query: dns.message.Message
    size: int


def respond_untrusted(zone: Zone, payload: bytes) -> Answer | Ask | None:
    """Say what to do with the query `payload`: answer, ask, or nothing at all."""
    if len(payload) < _HEADER or payload[2] & _RESPONSE:
        return None
    try:
        query = dns.message.from_wire(payload, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError, NotImplementedError):
        return Answer(_header_only(payload, dns.rcode.FORMERR))
    if query.opcode() != dns.opcode.QUERY:
        return Answer(_header_only(payload, dns.rcode.NOTIMP))
    if len(query.question) != 1:
        return Answer(_header_only(payload, dns.rcode.FORMERR))
    return _respond(zone, query)


def failure(query: dns.message.Message) -> bytes:
    """Return the response that tells that nobody could be asked."""
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(dns.rcode.SERVFAIL)
    return response.to_wire()


def fit_untrusted(payload: bytes, size: int) -> bytes:
    """Return a resolver's response as it is if it fits `size`, else its head with the truncation bit.

    Raises `dns.exception.DNSException` if it is too long and no response that could be cut.
    """
    if len(payload) <= size:
        return payload
    response = dns.message.from_wire(payload, ignore_trailing=True)
    response.flags |= dns.flags.TC
    response.answer, response.authority, response.additional = [], [], []
    return response.to_wire()


def _respond(zone: Zone, query: dns.message.Message) -> Answer | Ask:
    question = query.question[0]
    name = question.name
    domain = dns.name.from_text(zone.domain)
    if name.is_subdomain(domain):
        labels = name.relativize(domain).labels
    elif len(name.labels) == 2:
        labels = name.labels[:1]
    elif (address := _reverse(name)) is not None and address in zone.network:
        return _own(query, _pointer(zone, question, address), known=address in set(zone.names.values()))
    else:
        return Ask(query, max(PLAIN_SIZE, query.payload if query.edns >= 0 else 0))
    if not labels:
        return _own(query, None, known=True)
    address = zone.names.get(b".".join(labels).decode("latin-1").lower())
    records = None
    if address is not None and question.rdtype in {dns.rdatatype.A, dns.rdatatype.ANY}:
        records = dns.rrset.from_text(name, TTL, "IN", "A", str(address))
    return _own(query, records, known=address is not None)


def _pointer(zone: Zone, question: dns.rrset.RRset, address: IPv4Address) -> dns.rrset.RRset | None:
    host = next((host for host, known in zone.names.items() if known == address), None)
    if host is None or question.rdtype not in {dns.rdatatype.PTR, dns.rdatatype.ANY}:
        return None
    return dns.rrset.from_text(question.name, TTL, "IN", "PTR", f"{host}.{zone.domain}.")


def _own(query: dns.message.Message, records: dns.rrset.RRset | None, *, known: bool) -> Answer:
    response = dns.message.make_response(query, recursion_available=True)
    response.flags |= dns.flags.AA
    if records is not None and query.question[0].rdclass == dns.rdataclass.IN:
        response.answer.append(records)
    elif not known:
        response.set_rcode(dns.rcode.NXDOMAIN)
    return Answer(response.to_wire())


def _reverse(name: dns.name.Name) -> IPv4Address | None:
    try:
        return IPv4Address(dns.reversename.to_address(name))
    except (dns.exception.DNSException, ValueError):
        return None


def _header_only(payload: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """Return a response of twelve bytes to a query that could not be read (opcode and RD are copied)."""
    flags = bytes([_RESPONSE | payload[2] & 0x79, 0x80 | rcode])
    return payload[:2] + flags + bytes(8)
