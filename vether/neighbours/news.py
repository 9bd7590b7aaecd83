"""What spanning tree, LLDP and loop detector have to tell: into the log, and as events."""

import logging

from vether.lldp import Changed
from vether.lldp.lldpdu import describe_chassis, describe_port
from vether.monitor.feed import Publish, ignore
from vether.rstp import Bridge
from vether.rstp.outputs import Notice

log = logging.getLogger(__name__)


class News:
    """Tells at `publish`, and logs what is seldom."""

    def __init__(self, publish: Publish = ignore) -> None:
        self.publish = publish
        self._roles: dict[str, str] = {}

    def notice(self, notice: Notice) -> None:
        """Tell what the spanning tree wants people to know."""
        log.info("%s: %s", notice.port or "spanning tree", notice.text)
        self.publish(f"stp-{notice.what}", port=notice.port or None, text=notice.text)

    def state(self, port: str, state: str) -> None:
        """Tell of a port's new state in the spanning tree."""
        self.publish("stp-state", port=port, state=state)

    def roles(self, bridge: Bridge | None) -> None:
        """Tell which ports have another role than before."""
        roles = {} if bridge is None else {port.config.name: port.role.value for port in bridge.ports}
        if roles == self._roles:
            return
        for port, role in roles.items():
            if role != (was := self._roles.get(port)):
                self.publish("stp-role", port=port, role=role, was=was)
        self._roles = roles

    def loop(self, port: str, reason: str | None) -> None:
        """Tell that a port was closed for `reason`, or opened."""
        if reason is None:
            log.info("%s: open again: no probe came back any more", port)
            self.publish("loop-cleared", port=port)
        else:
            log.warning("%s: closed: %s", port, reason)
            self.publish("loop-found", port=port, reason=reason)

    def neighbour(self, changed: Changed) -> None:
        """Tell that a neighbour came, changed or is gone."""
        pdu = changed.pdu
        chassis, port = describe_chassis(pdu.chassis), describe_port(pdu.port)
        log.info("%s: neighbour %s %s", changed.port, pdu.system_name or f"{chassis} {port}", changed.what)
        self.publish(
            f"neighbour-{changed.what}",
            port=changed.port,
            name=pdu.system_name,
            chassis=chassis,
            neighbour_port=port,
        )
