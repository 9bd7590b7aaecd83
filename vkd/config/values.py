"""The kinds of values that TOML has no type for: sizes, times, addresses, forwards, names.

A kind parses a value or raises `ValueError`, and says in words what it allows; the schema attaches kinds to keys, so
that the checker, the resolver and the reference page agree.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from vkd.config.model import Forward, Protocol

_SIZE = re.compile(r"([0-9]+)\s*([KMGT]?)(i?B)?", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_FORWARD = re.compile(r"(?:([0-9.]+):)?([0-9]+):([0-9]+)(?:/(tcp|udp))?")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MIRROR = re.compile(r"(https?://|file:/)[!-~]+")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PUBLIC_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_MODE = re.compile(r"0?[0-7]{3,4}")

_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}

MIN_MEMORY = 1 << 20
MAX_MEMORY = 1 << 40
#: A page of the guest: memory is a whole number of them.
PAGE = 4096
MAX_DURATION = 7 * 24 * 3600.0


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` is most like, if one is."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return near[0] if near else None


@dataclass(frozen=True)
class Kind:
    """A kind of value: its name in the reference, what it allows, and its parser (raises `ValueError`)."""

    name: str
    allowed: str
    parse: Callable[[Any], Any]


def size(value: str | int) -> int:
    """Return bytes: `"128M"` (powers of 1024, with or without `iB`) or a plain number of bytes."""
    if isinstance(value, int):
        number, unit = value, ""
    else:
        match = _SIZE.fullmatch(value.strip())
        if match is None or len(match[1]) > 20:
            raise ValueError(value)
        number, unit = int(match[1]), match[2].upper()
    if not 0 < number << _SHIFTS[unit] <= 1 << 50:
        raise ValueError(value)
    return number << _SHIFTS[unit]


def memory(value: str | int) -> int:
    """Return a size that can be guest memory."""
    number = size(value)
    if not MIN_MEMORY <= number <= MAX_MEMORY or number % PAGE:
        raise ValueError(value)
    return number


def duration(value: str | float) -> float:
    """Return seconds: a number of them, or `"500ms"`, `"90s"`, `"2m"`, `"1h"`."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None or len(match[1]) > 20:
            raise ValueError(value)
        value = float(match[1]) * _SECONDS[match[2]]
    if not 0 <= value <= MAX_DURATION:  # false for NaN too
        raise ValueError(value)
    return float(value)


def label(value: str) -> str:
    """Return a host name label (RFC 1123 section 2.1), lower case."""
    if not _LABEL.fullmatch(value):
        raise ValueError(value)
    return value


def domain(value: str) -> str:
    """Return a DNS domain name without a final dot."""
    if len(value) > 253:
        raise ValueError(value)
    for part in value.split("."):
        label(part)
    return value


def mac(value: str) -> str:
    """Return a unicast MAC address in lower case with colons."""
    text = value.lower()
    if not _MAC.fullmatch(text) or int(text[:2], 16) & 1 or text == "00:00:00:00:00:00":
        raise ValueError(value)
    return text


def address(value: str) -> str:
    """Return an IPv4 address."""
    return str(ipaddress.IPv4Address(value))


def ip_address(value: str) -> str:
    """Return an IPv4 or IPv6 address, without a zone: that is a matter of one machine alone."""
    if "%" in value:
        raise ValueError(value)
    return str(ipaddress.ip_address(value))


def host_address(value: str) -> str:
    """Return an IP address, or a DNS name as resolvers take it."""
    try:
        return ip_address(value)
    except ValueError:
        name = value.lower()
        if name.replace(".", "").isdecimal():
            raise
        return domain(name)


def public_key(value: str) -> str:
    """Return a public key of tunnels: 32 bytes in base64."""
    if not _PUBLIC_KEY.fullmatch(value):
        raise ValueError(value)
    return value


def subnet(value: str) -> str:
    """Return an IPv4 network, /8 to /29, with no host bits set, within what a host may use privately or globally."""
    network = ipaddress.IPv4Network(value)
    if "/" not in value or not 8 <= network.prefixlen <= 29:
        raise ValueError(value)
    if network.is_multicast or network.is_loopback or network.network_address.packed[0] in {0, *range(240, 256)}:
        raise ValueError(value)
    return str(network)


def forward(value: str) -> Forward:
    """Return the forward that `[HOST_ADDRESS:]HOST_PORT:GUEST_PORT[/tcp|udp]` describes."""
    match = _FORWARD.fullmatch(value)
    if match is None or len(match[2]) > 5 or len(match[3]) > 5:
        raise ValueError(value)
    host, guest = int(match[2]), int(match[3])
    if not (1 <= host <= 65535 and 1 <= guest <= 65535):
        raise ValueError(value)
    protocol: Protocol = "udp" if match[4] == "udp" else "tcp"
    return Forward(host_address=address(match[1] or "127.0.0.1"), host_port=host, guest_port=guest, protocol=protocol)


def path(value: str) -> str:
    """Return the name of a host file: any text but the empty, without zero bytes."""
    if not value or "\0" in value:
        raise ValueError(value)
    return value


def guest_path(value: str) -> str:
    """Return an absolute path within the guest, with no `.` or `..` in it."""
    parts = value.split("/")[1:]
    if not value.startswith("/") or "\0" in value or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(value)
    return value


def line(value: str) -> str:
    """Return text without line ends and zero bytes."""
    if any(mark in value for mark in "\0\n\r"):
        raise ValueError(value)
    return value


def command_line(value: str) -> str:
    """Return a kernel command line: Linux on RISC-V takes 1023 bytes (`COMMAND_LINE_SIZE` 1024)."""
    if len(line(value).encode()) > 1023:
        raise ValueError(value)
    return value


def env_name(value: str) -> str:
    """Return the name of an environment variable."""
    if not _ENV.fullmatch(value):
        raise ValueError(value)
    return value


def user(value: str) -> str:
    """Return the name of a Unix user."""
    if not _USER.fullmatch(value):
        raise ValueError(value)
    return value


def mirror(value: str) -> str:
    """Return the address of a package mirror."""
    if not _MIRROR.fullmatch(value):
        raise ValueError(value)
    return value


def mode(value: str) -> int:
    """Return permission bits from octal text."""
    if not _MODE.fullmatch(value):
        raise ValueError(value)
    return int(value, 8)


SIZE = Kind("size", 'bytes, or text such as "512K", "128M", "1G"', size)
MEMORY = Kind("size", 'a size from "1M" to "1T" in whole pages of 4096 bytes, such as "128M"', memory)
DURATION = Kind("duration", 'seconds, or text such as "500ms", "90s", "2m", at most 7 days', duration)
LABEL = Kind("name", "a host name: lower-case letters, digits and inner hyphens, 1 to 63", label)
DOMAIN = Kind("domain", 'host names joined by dots, such as "demo.vkd"', domain)
MAC = Kind("MAC address", 'a unicast MAC address such as "02:00:00:00:00:01"', mac)
ADDRESS = Kind("IPv4 address", 'an IPv4 address such as "10.77.0.10"', address)
IP_ADDRESS = Kind("IP address", 'an IPv4 or IPv6 address such as "192.0.2.1"', ip_address)
HOST_ADDRESS = Kind("host", 'a DNS name, or an IPv4 or IPv6 address, such as "192.0.2.1"', host_address)
PUBLIC_KEY = Kind("public key", "44 characters of base64, as `vkd key` prints them", public_key)
SUBNET = Kind("IPv4 network", 'an IPv4 network from /8 to /29 such as "10.77.0.0/24"', subnet)
FORWARD = Kind("forward", '"[HOST_ADDRESS:]HOST_PORT:GUEST_PORT[/tcp|udp]", such as "8080:80"', forward)
PATH = Kind("file", "the name of a file, relative to the cluster file or absolute", path)
GUEST_PATH = Kind("guest path", "an absolute path within the guest without . and ..", guest_path)
LINE = Kind("text", "text on one line", line)
COMMAND_LINE = Kind("text", "text on one line, at most 1023 bytes", command_line)
ENV_NAME = Kind("variable", "letters, digits and _, not a digit first", env_name)
MODE = Kind("mode", 'octal permissions as text, such as "0644"', mode)
MIRROR = Kind("address", "an address that begins with http://, https:// or file:/", mirror)
USER = Kind("user", "a user name: lower-case letters, digits, _ and -, at most 32", user)
