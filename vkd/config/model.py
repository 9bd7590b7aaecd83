"""A cluster with nothing left open: every default filled in, every path absolute, every address chosen.

This is what :func:`vkd.config.load` returns, what `vkd up` sends to the daemon (`msgspec.to_builtins`) and what the
daemon stores (`msgspec.convert(value, Cluster)`). Immutable, compared by value. Sizes are bytes, times are seconds.
"""

from typing import Any, Literal

import msgspec

WaitFor = Literal["none", "kernel", "init", "link", "ssh"]
Policy = Literal["no", "on-failure", "always"]
Protocol = Literal["tcp", "udp"]


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """One virtual Ethernet. `gateway_address` and `dns_address` are set where `gateway` is true."""

    name: str
    #: IPv4 network in CIDR form.
    subnet: str
    gateway: bool
    gateway_address: str | None
    dns_address: str | None
    #: DNS domain of the guests' names on this network.
    domain: str
    mtu: int
    #: Whether guests reach services on the host's 127.0.0.1 at the gateway's address.
    host_loopback: bool = False
    #: What only the switch understands, as :mod:`vether.config` has it: `ageing`, `stp`, `ports`, `tunnel`, `peers`, …
    switch: dict[str, Any] = {}


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """One network card. `fixed` tells an address that the file gives from one that was chosen here."""

    network: str
    mac: str
    address: str
    fixed: bool = False
    #: Keys of the card's port of the switch, as :mod:`vether.ports` has them: `vlan`, `netem`, …
    port: dict[str, Any] = {}


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """One virtio disk over a raw file. With `size`, bytes, the file is made (sparse) when it is missing."""

    path: str
    readonly: bool = False
    size: int | None = None


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """Connections to `host_address:host_port` on the host reach `guest_port` in the guest."""

    host_address: str
    host_port: int
    guest_port: int
    protocol: Protocol


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """When an ended guest is started again; delays in seconds double from `delay` up to `max_delay`."""

    policy: Policy
    max_retries: int
    delay: float
    max_delay: float
    #: Seconds of running after which the count of retries and the delay begin anew.
    reset_after: float


class Ssh(msgspec.Struct, frozen=True, kw_only=True):
    """How `vkd ssh` logs in. `authorized_keys` are files on the host, besides vkd's own key."""

    user: str
    port: int
    authorized_keys: tuple[str, ...]


class GuestFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file put into the guest before it boots: `content`, or the bytes of the host's file `source`."""

    content: str | None
    source: str | None
    #: Permission bits, for instance 0o644.
    mode: int


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """One virtual machine. Either `image` is set, or `kernel` (with `initrd` and disks as given); both may be."""

    name: str
    #: The host that it runs on, where the cluster has several.
    host: str | None = None
    image: str | None
    kernel: str | None
    initrd: str | None
    #: `builtin` (SBI of vkd), `none` (the kernel starts in M-mode) or the path of an M-mode image.
    firmware: str
    #: The whole kernel command line; nil for the image's.
    cmdline: str | None
    #: Words after the command line, whichever it is.
    append: str
    cpus: int
    #: Guest memory, bytes.
    memory: int
    #: Whether its code is translated to the host's, where the host can; else it is interpreted.
    translate: bool = True
    #: Whether translated code accesses the guest's memory through the host's MMU, where the host can.
    windows: bool = True
    nics: tuple[Nic, ...]
    disks: tuple[Disk, ...]
    forwards: tuple[Forward, ...]
    restart: Restart
    wait_for: WaitFor
    #: Seconds without progress (retired instructions, console output) after which a boot has failed.
    boot_stall: float
    #: Seconds that the guest has to power off before it is ended.
    stop_timeout: float
    ssh: Ssh
    env: dict[str, str]
    #: By their absolute path in the guest.
    files: dict[str, GuestFile]
    #: Shell commands, run as root once the network is up, in this order.
    run: tuple[str, ...]


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that has a part of the cluster."""

    name: str
    #: Where others reach it; without one it has to reach them.
    address: str | None
    #: UDP port of the file's first network; those that follow have the next ports.
    port: int
    public_key: str
    #: File of the private key, on that host; nil for the default one.
    key: str | None
    #: Its own address to listen at; nil for all.
    listen: str | None


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """A guest of the cluster that runs on another host."""

    host: str
    nics: tuple[Nic, ...]


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """All guests and networks of one file, by name, in the file's order; of one host, where there are several."""

    name: str
    #: The host whose part this is.
    host: str | None = None
    #: Address of the Debian mirror for images; nil for the one of the host's APT.
    mirror: str | None = None
    networks: dict[str, Network]
    guests: dict[str, Guest]
    #: The guests of the other hosts.
    elsewhere: dict[str, Elsewhere] = {}
