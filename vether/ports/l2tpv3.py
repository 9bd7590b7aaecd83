"""L2TPv3 over UDP (RFC 3931) without a control connection, as QEMU's `l2tpv3` and UML's vector transport speak it."""

from ipaddress import ip_address

from vether.errors import SpecError
from vether.folder import Folder
from vether.ports import udp
from vether.ports.base import PortSpec
from vether.ports.vxlan import check_local
from vkd._native import Link

#: IANA's port of L2TP.
PORT = 1701
_MAX_OFFSET = 64


class L2tpv3Port(PortSpec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="l2tpv3"):
    """One session with one peer. The numbers and cookies are agreed by hand; nothing is encrypted."""

    #: ADDRESS, or ADDRESS:PORT where it is not 1701.
    peer: str
    #: The session's number as the peer expects it (QEMU: rxsession).
    session: int
    #: The session's number as we expect it (QEMU: txsession); `session` if not given.
    local_session: int | None = None
    #: The cookie that the peer expects: 8 or 16 hexadecimal digits, or none.
    cookie: str = ""
    #: The cookie that we expect.
    local_cookie: str = ""
    #: Whether a counter stands in front of the frame.
    counter: bool = False
    #: Bytes between header and frame.
    offset: int = 0
    #: The address of this machine that the peer sends to; all if not given.
    local: str | None = None
    #: Our UDP port.
    port: int = PORT
    #: MTU of the network between both: longer packets are dropped. If not given, they are fragmented.
    outer_mtu: int | None = None

    def check(self, where: str) -> None:
        """Raise `SpecError` for what a type cannot say."""
        address, _ = udp.parse_peer(f"{where}.peer", self.peer, PORT)
        udp.check_port(f"{where}.port", self.port)
        for key, number in (("session", self.session), ("local_session", self.expected)):
            if not 0 <= number < 1 << 32:
                raise SpecError(f"{where}.{key}: {number} is not between 0 and {(1 << 32) - 1}")
        for key, cookie in (("cookie", self.cookie), ("local_cookie", self.local_cookie)):
            _cookie(f"{where}.{key}", cookie)
        if not 0 <= self.offset <= _MAX_OFFSET:
            raise SpecError(f"{where}.offset: {self.offset} is not between 0 and {_MAX_OFFSET}")
        if self.local is not None:
            check_local(f"{where}.local", self.local, address.version)
        udp.check_outer_mtu(f"{where}.outer_mtu", self.outer_mtu, address.version)

    @property
    def expected(self) -> int:
        """The session's number that we expect, given or not."""
        return self.session if self.local_session is None else self.local_session

    def open(self, folder: Folder) -> Link:
        """Bind the socket and make the session."""
        peer = udp.parse_peer("peer", self.peer, PORT)
        version = peer[0].version
        local = ip_address(self.local) if self.local else udp.any_address(version)
        with udp.bind(self.name, local, self.port) as sock:
            return Link.l2tpv3(
                sock.fileno(),
                peer,
                session=(self.session, _cookie("cookie", self.cookie)),
                expected=(self.expected, _cookie("local_cookie", self.local_cookie)),
                counter=self.counter,
                offset=self.offset,
                longest=udp.longest_payload(self.outer_mtu, version),
            )

    def endpoint(self, folder: Folder) -> str:
        """Return where the peer sends to."""
        return f"udp {self.local or '*'} port {self.port}"


def _cookie(where: str, text: str) -> bytes:
    try:
        cookie = bytes.fromhex(text)
    except ValueError:
        cookie = b"?"
    if len(cookie) not in {0, 4, 8}:
        raise SpecError(f"{where}: {text!r} is not 8 or 16 hexadecimal digits")
    return cookie
