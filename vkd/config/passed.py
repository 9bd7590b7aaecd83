"""Keys of networks and cards that the switch has: vkd hands them to vether as they are, and vether checks them.

Their types stand in :mod:`vether.config` and nowhere else; here are only their names, with what the reference says. A
test compares the names. :mod:`vkd.config.switches` tells mistakes in them.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vkd.config.describe import key
from vkd.config.values import Kind

#: A value that vether checks.
SWITCH = Kind("switch", "as docs/vether.md has it", lambda value: value)
#: Of these vkd looks at the type itself, since it looks for `host` in them.
_PORTS = Kind("ports", "a list of tables, `[[networks.NAME.ports]]`, as docs/vether.md has them", lambda value: value)


def _passed(description: str, example: Any, default: str = "none", kind: Kind = SWITCH) -> Meta:
    return key(description, example, kind, default)


class SwitchKeys(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a network's switch does; all of these change while guests run."""

    ageing: Annotated[
        Any | UnsetType, _passed("Seconds until an address that is not seen any more is forgotten.", 60, "300")
    ] = UNSET
    gateway_vlan: Annotated[Any | UnsetType, _passed("The VLAN that the gateway is in.", 10)] = UNSET
    snooping: Annotated[
        Any | UnsetType,
        _passed("Whether multicast groups go only where they are wanted: `off`, `flood`, `prune`.", "flood", "`off`"),
    ] = UNSET
    stp: Annotated[Any | UnsetType, _passed("Spanning tree; `{}` for all defaults.", {"priority": 4096})] = UNSET
    loop: Annotated[Any | UnsetType, _passed("Loop detector, where there is no spanning tree.", {"interval": 1})] = (
        UNSET
    )
    lldp: Annotated[Any | UnsetType, _passed("What neighbours are told by LLDP.", {"interval": 10})] = UNSET
    metrics: Annotated[
        Any | UnsetType,
        _passed("Address and port at which the switch's counters are for Prometheus.", "127.0.0.1:9870"),
    ] = UNSET
    tunnel: Annotated[
        Any | UnsetType,
        _passed("The switch's end of tunnels; those between `[hosts]` make themselves.", {"key": "lan.key"}),
    ] = UNSET
    peers: Annotated[
        Any | UnsetType, _passed("Switches at the other ends of tunnels.", [{"name": "berlin", "public_key": "…"}])
    ] = UNSET
    ports: Annotated[
        list[dict[str, Any]] | UnsetType,
        _passed(
            "Further ports, of any kind: TAPs, VXLAN, VDE, QEMU, …; `host` names the one of `[hosts]` that has it.",
            [{"name": "site", "kind": "vxlan", "vni": 42, "peers": ["192.0.2.2"]}],
            kind=_PORTS,
        ),
    ] = UNSET


class PortKeys(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may pass a card's port of the switch; all of these change while the guest runs."""

    vlan: Annotated[
        Any | UnsetType, _passed("The VLANs that it carries.", {"access": 10}, "transparent: all, with their tags")
    ] = UNSET
    reserved: Annotated[
        Any | UnsetType, _passed("Frames to reserved groups: `forward`, `peer` or `drop`.", "drop", "`forward`")
    ] = UNSET
    isolated: Annotated[Any | UnsetType, _passed("Keep it from other isolated ports.", True, "`false`")] = UNSET
    mac_limit: Annotated[Any | UnsetType, _passed("How many addresses may be behind it.", 1)] = UNSET
    storm: Annotated[
        Any | UnsetType, _passed("Broadcasts, multicasts and unknowns a second that it may send.", {"broadcast": 100})
    ] = UNSET
    rate: Annotated[Any | UnsetType, _passed("Bits a second that it may send and gets.", {"egress": 10000000})] = UNSET
    wire: Annotated[Any | UnsetType, _passed("The port that it is wired to.", "site")] = UNSET
    mirror: Annotated[Any | UnsetType, _passed("The port that sees what passes here.", {"to": "monitor"})] = UNSET
    static: Annotated[
        Any | UnsetType,
        _passed("Addresses that are behind it whatever is seen.", [{"mac": "02:00:00:00:00:09"}]),
    ] = UNSET
    router: Annotated[
        Any | UnsetType, _passed("A multicast router is behind it: `auto`, `always`, `never`.", "always", "`auto`")
    ] = UNSET
    fast_leave: Annotated[
        Any | UnsetType, _passed("Who leaves a multicast group is the only one behind it.", True, "`false`")
    ] = UNSET
    split_horizon: Annotated[
        Any | UnsetType, _passed("Ports of the same group do not reach each other; 0: none.", 1, "0")
    ] = UNSET
    netem: Annotated[
        Any | UnsetType,
        _passed("Impairments, `in` being what the guest sends.", {"in": {"loss": "1%", "delay": "20ms"}}),
    ] = UNSET
    capture: Annotated[
        Any | UnsetType, _passed("Record what passes, from before the first frame on.", {"file": "web.pcapng"})
    ] = UNSET
    stp: Annotated[Any | UnsetType, _passed("Its part of the spanning tree.", {"bpdu_guard": True})] = UNSET


SWITCH_KEYS = SwitchKeys.__struct_fields__
PORT_KEYS = PortKeys.__struct_fields__
