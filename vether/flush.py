"""The control operation `flush`: learned addresses, or multicast groups, are forgotten."""

import re
from collections.abc import Mapping
from typing import Any

from vether.control import ControlError
from vkd._native import Switch

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z", re.IGNORECASE)
_KEYS = ("what", "port", "vlan", "mac")


def flush_untrusted(switch: Switch, args: Mapping[str, Any]) -> dict[str, Any]:
    """Forget `what` (`addresses` or `groups`) matches `port`, `vlan` and `mac`, all if none is given.

    Fixed addresses stay. Returns `{"what", "count"}`. Raises `ControlError`.
    """
    what, port, vlan, mac = (args.get(key) for key in _KEYS)
    for key in args:
        if key not in _KEYS:
            raise ControlError("invalid", f"flush: no argument {key!r}", f"there are: {', '.join(_KEYS)}")
    flush = {None: switch.flush, "addresses": switch.flush, "groups": switch.flush_groups}.get(
        what if what is None or isinstance(what, str) else ""
    )
    if flush is None:
        raise ControlError("invalid", f"cannot flush {what!r}", "what there is: addresses, groups")
    if vlan is not None and (not isinstance(vlan, int) or isinstance(vlan, bool) or not 0 <= vlan <= 4094):
        raise ControlError("invalid", f"vlan: {vlan!r} is not between 0 (in none) and 4094")
    if mac is not None and (not isinstance(mac, str) or not _MAC.match(mac)):
        raise ControlError("invalid", f"mac: {mac!r} is not an address like 52:54:00:12:34:56")
    names = [row["name"] for row in switch.ports()]
    if port is not None and port not in names:
        raise ControlError("invalid", f"there is no port {port!r}", f"there are: {', '.join(names) or 'none'}")
    return {"what": what or "addresses", "count": flush(port, vlan=vlan, mac=mac and mac.lower())}
