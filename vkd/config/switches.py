"""Hold networks against vether's own checker, and say where in the cluster file a mistake stands.

An error of :func:`vether.config.convert_untrusted` begins with the place in the specification that it was given,
`ports[3].vlan.access`; here that becomes `guests.web.nics[0].vlan.access`, or whatever else put it there.
"""

import re
from collections.abc import Mapping

import msgpack

from vkd.config.hosts import ports_of
from vkd.config.layers import Merged
from vkd.config.model import Cluster
from vkd.config.passed import PORT_KEYS, SWITCH_KEYS
from vkd.config.problem import KeyPath, Problems, dotted
from vkd.config.switchspec import guest_ports, switch_spec

#: `where: what is wrong`; what concerns two ports names one of them instead of its place.
_PLACE = re.compile(r"([a-z_]+(?:\[[^\]]*\]|\.\w+)*): (.*)\Z", re.DOTALL)
_PORT = re.compile(r"port ([\w.-]+): (\w+(?:\.\w+)*): (.*)\Z", re.DOTALL)
_PART = re.compile(r"\[(\d+)\]|(\w+)")
_OTHER_PORT = re.compile(r"\bports\[\d+\](?:\.\w+)*")

#: What of a guest's port is vkd's own, and stays when the rest is found wrong.
_OPTIONAL = ("mac", "address", "hostname")
_OWN = ("name", *_OPTIONAL)


def check_switches(part: Cluster, merged: Mapping[str, Merged], problems: Problems) -> None:
    """Add a problem for each mistake in what `part` says of its switches, as far as vkd does not check it itself."""
    for name, network in part.networks.items():
        cards = (nic for guest in part.guests.values() for nic in guest.nics)
        if network.switch or part.elsewhere or any(nic.port for nic in cards if nic.network == name):
            _Network(part, name, merged).check(problems)


class _Network:
    """The specification of one network's switch, and where in the file each of its ports stands."""

    def __init__(self, part: Cluster, name: str, merged: Mapping[str, Merged]) -> None:
        self._name = name
        self._spec = switch_spec(part, name, {})
        self._places: list[KeyPath] = [
            merged[guest.name].origin("nics", number)
            for guest in part.guests.values()
            for number, _ in guest_ports(guest, name)
        ]
        self._places += [("networks", name, "ports", at) for at, _ in ports_of(part.networks[name], part.host)]

    def check(self, problems: Problems) -> None:
        """Add what is wrong. vether ends at its first mistake: that is taken out, and the rest looked at again."""
        from vether.config import convert_untrusted  # noqa: PLC0415 - a file without keys of the switch loads faster
        from vether.errors import SpecError  # noqa: PLC0415

        known = bool(problems.found)  # what follows from those is not told
        path: KeyPath | None = ()
        while path is not None:
            try:
                convert_untrusted(self._spec)
                msgpack.packb(self._spec)
            except SpecError as error:
                path, text = self._parse(error.message)
                where = self._where(path)
                if not known or {*SWITCH_KEYS, *PORT_KEYS}.intersection(where):
                    problems.add(where, self._in_words_of_the_file(text), hint=error.hint)
            except (OverflowError, ValueError):
                problems.add(("networks", self._name), "a number in it, or in a card on it, is too large")
                return
            else:
                return
            path = self._take_out(path)

    def _parse(self, message: str) -> tuple[KeyPath, str]:
        """Return the place in the specification that an error names, and what it says of it."""
        if match := _PORT.match(message):
            numbers = [at for at, port in enumerate(self._spec["ports"]) if port.get("name") == match[1]]
            if numbers:
                return ("ports", numbers[0], *_parts(match[2])), match[3]
        match = _PLACE.match(message)
        return (_parts(match[1]), match[2]) if match else ((), message)

    def _where(self, path: KeyPath) -> KeyPath:
        """Return the place in the file for one in the specification."""
        match path:
            case ("ports", int(at), *rest) if at < len(self._places):
                return (*self._places[at], *rest)
            case (str(key), *_) if key in SWITCH_KEYS:
                return ("networks", self._name, *path)
        return ("networks", self._name)

    def _in_words_of_the_file(self, text: str) -> str:
        return _OTHER_PORT.sub(lambda found: dotted(self._where(_parts(found[0]))), text)

    def _take_out(self, path: KeyPath) -> KeyPath | None:
        """Take what is wrong at `path` out of the specification; return nothing if it cannot be."""
        ports, key = self._spec["ports"], path[0] if path else ""
        match path:
            case ("ports", int(at), *_) if at < len(ports):
                # Others may name the port: it stays, as long as it can without what is wrong.
                wrong = path[2] if len(path) > 2 else ""
                if wrong in {*PORT_KEYS, *_OPTIONAL} and ports[at].get(wrong) is not None:
                    plain = {known: value for known, value in ports[at].items() if known != wrong}
                else:
                    plain = {own: ports[at][own] for own in _OWN if own in ports[at]}
                if ports[at] == plain or "name" not in plain:
                    del ports[at], self._places[at]
                else:
                    ports[at] = plain
            case (str(), *_) if key in SWITCH_KEYS and key != "ports" and key in self._spec:
                del self._spec[key]
                if key == "tunnel":
                    self._spec.pop("peers", None)
            case _:
                return None
        return path


def _parts(text: str) -> KeyPath:
    return tuple(int(number) if number else word for number, word in _PART.findall(text))
