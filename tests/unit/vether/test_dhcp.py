"""The DHCP server: its decisions over time, and any bytes whatever."""

import struct
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from vether.services.dhcp import DhcpConfig, DhcpServer, Host
from vether.services.dhcp_message import (
    ANY,
    DhcpMessage,
    MessageType,
    Option,
    build_reply,
    parse_request_untrusted,
)

ROUTER = IPv4Address("10.0.0.1")
KNOWN, KNOWN_IP = b"\x52\x54\0\0\0\1", IPv4Address("10.0.0.2")
CONFIG = DhcpConfig(
    network=IPv4Network("10.0.0.0/29"),
    server=ROUTER,
    router=ROUTER,
    dns=ROUTER,
    domain="lan",
    mtu=1500,
    static={KNOWN: Host(KNOWN_IP, "known")},
    lease_time=1000,
)
#: 10.0.0.3 to 10.0.0.6
POOL = {IPv4Address(f"10.0.0.{n}") for n in range(3, 7)}


def stranger(number: int) -> bytes:
    return b"\x52\x54\0\0\1" + bytes([number])


def request(kind: MessageType, mac: bytes, **options: IPv4Address) -> bytes:
    codes = {"requested": Option.REQUESTED, "identifier": Option.SERVER}
    client = options.pop("client", ANY)
    encoded = {int(codes[name]): value.packed for name, value in options.items()}
    reply = build_reply(DhcpMessage(type=kind, transaction=9, mac=mac, client=client, options=encoded))
    return b"\x01" + reply[1:]


def ask(server: DhcpServer, kind: MessageType, mac: bytes, now: float, **options: IPv4Address) -> DhcpMessage | None:
    reply = server.answer_untrusted(request(kind, mac, **options), now)
    if reply is None:
        return None
    parsed = parse_request_untrusted(b"\x01" + reply.payload[1:])
    assert parsed is not None
    (yours,) = struct.unpack_from("!4s", reply.payload, 16)
    return DhcpMessage(parsed.type, parsed.transaction, parsed.mac, yours=IPv4Address(yours), options=parsed.options)


def obtain(server: DhcpServer, mac: bytes, now: float) -> IPv4Address | None:
    offer = ask(server, MessageType.DISCOVER, mac, now)
    if offer is None:
        return None
    ack = ask(server, MessageType.REQUEST, mac, now, requested=offer.yours, identifier=ROUTER)
    assert ack is not None
    assert (ack.type, ack.yours, ack.transaction) == (MessageType.ACK, offer.yours, 9)
    return ack.yours


def test_a_known_client_gets_its_own_address_only() -> None:
    server = DhcpServer(CONFIG)
    assert obtain(server, KNOWN, 0) == KNOWN_IP
    wrong = ask(server, MessageType.REQUEST, KNOWN, 0, requested=IPv4Address("10.0.0.4"))
    assert wrong is not None
    assert wrong.type is MessageType.NAK
    thief = ask(server, MessageType.REQUEST, stranger(1), 0, requested=KNOWN_IP)
    assert thief is not None
    assert thief.type is MessageType.NAK


def test_the_pool_gives_each_address_once_until_it_is_free_again() -> None:
    server = DhcpServer(CONFIG)
    given_out = {obtain(server, stranger(i), 0) for i in range(4)}
    assert given_out == POOL
    assert obtain(server, stranger(4), 0) is None
    assert obtain(server, stranger(2), 500) in POOL, "renewed"
    assert obtain(server, stranger(5), 1200) in POOL, "the others have ended"
    assert len(server.leases(1200)) == 2


def test_a_released_address_is_free_and_a_declined_one_is_not() -> None:
    server = DhcpServer(CONFIG)
    held = [obtain(server, stranger(i), 0) for i in range(4)]
    assert held[0] is not None
    assert held[1] is not None
    ask(server, MessageType.RELEASE, stranger(9), 1, client=held[0])
    assert obtain(server, stranger(8), 1) is None, "who does not hold an address cannot release it"
    ask(server, MessageType.RELEASE, stranger(0), 1, client=held[0])
    assert obtain(server, stranger(8), 2) == held[0]
    ask(server, MessageType.DECLINE, stranger(1), 3, requested=held[1])
    assert obtain(server, stranger(7), 4) is None
    assert obtain(server, stranger(7), 700) == held[1]


def test_an_offer_is_held_for_a_while_and_a_request_to_another_server_is_none() -> None:
    server = DhcpServer(CONFIG)
    for i in range(4):
        assert ask(server, MessageType.DISCOVER, stranger(i), 0) is not None
    assert ask(server, MessageType.DISCOVER, stranger(5), 59) is None
    assert ask(server, MessageType.DISCOVER, stranger(5), 61) is not None
    other = IPv4Address("10.0.0.7")
    assert ask(server, MessageType.REQUEST, stranger(1), 0, requested=KNOWN_IP, identifier=other) is None


def test_inform_gets_options_and_no_lease() -> None:
    answer = ask(DhcpServer(CONFIG), MessageType.INFORM, stranger(1), 0, client=IPv4Address("10.0.0.5"))
    assert answer is not None
    assert (answer.type, answer.yours) == (MessageType.ACK, ANY)
    assert Option.LEASE_TIME not in answer.options
    assert answer.options[Option.MTU] == b"\x05\xdc"


def test_relays_and_groups_get_no_answer() -> None:
    server = DhcpServer(CONFIG)
    relayed = bytearray(request(MessageType.DISCOVER, stranger(1)))
    relayed[24:28] = ROUTER.packed
    assert server.answer_untrusted(bytes(relayed), 0) is None
    assert server.answer_untrusted(request(MessageType.DISCOVER, b"\xff" * 6), 0) is None


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_answered_or_not(data: bytes, like_dhcp: bool) -> None:
    if like_dhcp:
        data = b"\x01\x01\x06\x00" + data[4:236].ljust(232, b"\0") + b"\x63\x82\x53\x63" + data[236:]
    DhcpServer(CONFIG).answer_untrusted(data, 0)


kinds = st.sampled_from(list(MessageType))
steps = st.tuples(kinds, st.integers(0, 6), st.integers(0, 7), st.integers(0, 400))


@settings(max_examples=200)
@given(st.lists(steps, max_size=40))
def test_nobody_ever_has_the_address_of_another(script: list[tuple[MessageType, int, int, int]]) -> None:
    server, now = DhcpServer(CONFIG), 0.0
    holders: dict[IPv4Address, tuple[bytes, float]] = {}
    for kind, who, host, wait in script:
        now += wait
        mac = KNOWN if who == 0 else stranger(who)
        address = IPv4Address(f"10.0.0.{host}")
        answer = ask(server, kind, mac, now, requested=address, client=address)
        if kind in {MessageType.RELEASE, MessageType.DECLINE} and holders.get(address, (b"",))[0] == mac:
            holders.pop(address)
        if answer is None or answer.type is not MessageType.ACK or answer.yours == ANY:
            continue
        assert answer.yours in POOL | {KNOWN_IP}
        assert (answer.yours == KNOWN_IP) == (mac == KNOWN)
        holder, until = holders.get(answer.yours, (mac, 0.0))
        assert holder == mac or until <= now
        holders[answer.yours] = (mac, now + CONFIG.lease_time)
