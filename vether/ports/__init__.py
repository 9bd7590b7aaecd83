"""The kinds of ports: each is a file with its specification and how its link is opened.

To add a kind: a struct with its tag in a file of its own, its name in `AnyPort`, a `Link` in `core/switch/src/io/` with
a maker in `core/python/src/link.rs`, and its keys in docs/vether.md (a test compares).
"""

from typing import get_args

from vether.ports.base import PortSpec
from vether.ports.bess import BessPort
from vether.ports.dgram import DgramPort
from vether.ports.fd import FdPort
from vether.ports.guest import GuestPort
from vether.ports.l2tpv3 import L2tpv3Port
from vether.ports.policy import check_pairs
from vether.ports.raw import RawPort
from vether.ports.stream import StreamPort
from vether.ports.tap import TapPort
from vether.ports.vde import VdePort
from vether.ports.vxlan import VxlanPort

#: Every kind; msgspec tells them by the key `kind`.
AnyPort = GuestPort | BessPort | DgramPort | FdPort | StreamPort | VdePort | L2tpv3Port | RawPort | TapPort | VxlanPort

#: The structs by their kinds. A port that names none is a guest's.
KINDS: dict[str, type[PortSpec]] = {kind.tag(): kind for kind in get_args(AnyPort)}
DEFAULT_KIND = GuestPort.tag()

__all__ = ["DEFAULT_KIND", "KINDS", "AnyPort", "PortSpec", "check_pairs"]
