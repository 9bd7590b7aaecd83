"""The one schema of the cluster file: every key with its type, default, meaning and example.

The checker, the resolver, `docs/reference/config.md` and `docs/reference/cluster.schema.json` all come from here
(`python -m vkd.config.reference` writes the latter two). What no TOML type expresses is a
:class:`~vkd.config.values.Kind` in a key's `extra`; a default that depends on other keys is described there too.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vkd.config import values
from vkd.config.describe import key as _key
from vkd.config.describe import of as _of
from vkd.config.model import Policy, WaitFor
from vkd.config.passed import PortKeys, SwitchKeys


class Table(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of the tables in a file; a key that is not there and has no fixed default is `UNSET`."""


class NetworkTable(SwitchKeys):
    """One virtual Ethernet; its switch is a process of its own."""

    subnet: Annotated[
        str | UnsetType,
        _key(
            "IPv4 network of the guests.",
            "10.77.0.0/24",
            values.SUBNET,
            "the first free of 10.77.0.0/24, 10.77.1.0/24, …",
        ),
    ] = UNSET
    gateway: Annotated[
        bool,
        _key(
            "A way out through user-mode NAT, with DHCP, DNS and forwards in; the subnet's .1, and .2 for DNS.", False
        ),
    ] = True
    domain: Annotated[
        str | UnsetType,
        _key("DNS domain of the guests' names.", "demo.vkd", values.DOMAIN, "`NAME.vkd`, NAME the cluster's"),
    ] = UNSET
    mtu: Annotated[int, Meta(ge=576, le=65521), _key("Longest packet, bytes.", 9000)] = 1500
    host_loopback: Annotated[
        bool, _key("Whether guests reach services on this machine's 127.0.0.1, at the gateway's address.", True)
    ] = False


class NicTable(PortKeys, kw_only=True):
    """One network card, where an address or MAC is to be given; else name the network in `networks`."""

    network: Annotated[str, _key("Network to attach to.", "lan", values.LABEL)]
    address: Annotated[
        str | UnsetType, _key("IPv4 address.", "10.77.0.10", values.ADDRESS, "the lowest free one, from .10 on")
    ] = UNSET
    mac: Annotated[
        str | UnsetType,
        _key("MAC address.", "02:00:00:00:00:01", values.MAC, "from the names of cluster and guest, always the same"),
    ] = UNSET


class DiskTable(Table):
    """One virtio disk over a raw image."""

    path: Annotated[str, _key("Raw disk image or block device.", "data.img", values.PATH)]
    readonly: Annotated[bool, _key("Refuse writes.", True)] = False
    size: Annotated[
        int | str | UnsetType,
        _key("Size of the file to make when there is none (sparse).", "1G", values.SIZE, "no file is made"),
    ] = UNSET


class RestartTable(Table):
    """When an ended guest is started again. `restart = "always"` is short for `restart.policy = "always"`."""

    policy: Annotated[
        Policy,
        _key(
            "`no`; `on-failure`: after a crash, a panic or a non-zero exit code; `always`: after a power-off too.",
            "always",
        ),
    ] = "no"
    max_retries: Annotated[
        int, Meta(ge=0, le=1000), _key("Restarts in a row before vkd gives up; 0: without end.", 3)
    ] = 5
    delay: Annotated[
        int | float | str, _key("Wait before the first restart; doubles each time.", "500ms", values.DURATION)
    ] = 1
    max_delay: Annotated[int | float | str, _key("Longest wait.", "5m", values.DURATION)] = 60
    reset_after: Annotated[
        int | float | str, _key("After running for so long, retries and delay begin anew.", "10m", values.DURATION)
    ] = 60


class SshTable(Table):
    """How `vkd ssh` logs in."""

    user: Annotated[str, _key("User in the guest.", "debian", values.USER)] = "root"
    port: Annotated[int, Meta(ge=1, le=65535), _key("TCP port of the guest's ssh server.", 2222)] = 22
    authorized_keys: Annotated[
        list[Annotated[str, _of(values.PATH)]],
        _key("Files of public keys that may log in besides vkd's own.", ["~/.ssh/id_ed25519.pub"]),
    ] = []


class FileTable(Table):
    """A file for the guest: `content` or `source`, not both. `"/etc/motd" = "text"` is short for `content`."""

    content: Annotated[str | UnsetType, _key("The text itself.", "hello\n", None, "empty")] = UNSET
    source: Annotated[str | UnsetType, _key("A file of the host.", "motd.txt", values.PATH, "none")] = UNSET
    mode: Annotated[str, _key("Permissions, octal.", "0755", values.MODE)] = "0644"


class HostTable(Table, kw_only=True):
    """A machine that has a part of the cluster. The file is the same on all; `vkd up FILE` starts what is here."""

    address: Annotated[
        str | UnsetType,
        _key(
            "Name or address at which the other hosts reach it by UDP.",
            "berlin.example",
            values.HOST_ADDRESS,
            "none: it has to reach the others",
        ),
    ] = UNSET
    port: Annotated[
        int,
        Meta(ge=1, le=65535),
        _key("UDP port of the file's first network; the next ones have the next ports.", 6000),
    ] = 5870
    public_key: Annotated[str, _key("What `vkd key` printed there.", "q1Qp0a…=", values.PUBLIC_KEY)]
    key: Annotated[
        str | UnsetType,
        _key("File with the private key on that host.", "/etc/vkd/host.key", values.PATH, "where `vkd key` puts it"),
    ] = UNSET
    listen: Annotated[
        str | UnsetType,
        _key("Its own address to listen at.", "192.0.2.1", values.IP_ADDRESS, "all"),
    ] = UNSET


class GuestTable(Table):
    """One virtual machine. All of these keys may stand in `[defaults]` and `[images.NAME]` too."""

    host: Annotated[
        str | UnsetType,
        _key("Which of `[hosts]` it runs on.", "berlin", values.LABEL, "required with `[hosts]`"),
    ] = UNSET

    image: Annotated[
        str | UnsetType,
        _key(
            "Image to boot: `tiny`, an `[images.NAME]` of this file, or `none`.",
            "tiny",
            values.LABEL,
            "`tiny`; `none` with `kernel`",
        ),
    ] = UNSET
    kernel: Annotated[
        str | UnsetType,
        _key("Kernel file: Linux Image (plain, gzip or EFI) or ELF.", "Image", values.PATH, "the image's"),
    ] = UNSET
    initrd: Annotated[
        str | UnsetType, _key("Initial RAM disk.", "initrd.img", values.PATH, "the image's; none with `kernel`")
    ] = UNSET
    firmware: Annotated[
        str,
        _key(
            "`builtin`: vkd's SBI; `none`: the kernel starts in M-mode; else a file: an M-mode image such as OpenSBI.",
            "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin",
            values.PATH,
        ),
    ] = "builtin"
    cmdline: Annotated[
        str | UnsetType,
        _key(
            "Kernel command line, in place of the image's.", "console=ttyS0 quiet", values.COMMAND_LINE, "the image's"
        ),
    ] = UNSET
    append: Annotated[str, _key("Words to add to the kernel command line.", "loglevel=7", values.COMMAND_LINE)] = ""
    cpus: Annotated[
        int, Meta(ge=1, le=64), _key("Harts; each is a thread of the host, and may be more than it has cores.", 4)
    ] = 1
    memory: Annotated[
        int | str, _key("Guest memory; less than the 96M that `tiny` needs becomes 96M.", "256M", values.MEMORY)
    ] = "128M"
    translate: Annotated[
        bool,
        _key("Translate the guest's code to the host's where the host can (`vkd doctor`); else interpret it.", False),
    ] = True
    windows: Annotated[
        bool,
        _key("Let translated code access memory through the host's MMU where the host can (`vkd doctor`).", False),
    ] = True
    networks: Annotated[
        list[Annotated[str, _of(values.LABEL)]] | UnsetType,
        _key("Networks to attach to, one card each.", ["lan"], None, "the network, where there is one; `[]`: none"),
    ] = UNSET
    nics: Annotated[
        list[NicTable] | UnsetType,
        _key("Network cards in place of `networks`.", [{"network": "lan"}], None, "one for each of `networks`"),
    ] = UNSET
    forwards: Annotated[
        list[Annotated[str, _of(values.FORWARD)]],
        _key(
            "Ports of the host that lead to the guest; on 127.0.0.1 unless an address is given.",
            ["8080:80", "127.0.0.1:5353:53/udp"],
        ),
    ] = []
    disk: Annotated[str | UnsetType, _key("The first disk, in short.", "root.img", values.PATH, "none")] = UNSET
    disks: Annotated[
        list[Annotated[str, _of(values.PATH)] | DiskTable],
        _key("Disks, in the guest's order (vda, vdb, …).", ["data.img"]),
    ] = []
    restart: Annotated[
        Literal["no", "on-failure", "always"] | RestartTable | UnsetType,
        _key("When the guest is started again after it ended.", "on-failure", None, "`no`"),
    ] = UNSET
    wait_for: Annotated[
        WaitFor | UnsetType,
        _key(
            "Stage at which the guest is ready, and `vkd up` returns.",
            "kernel",
            None,
            "`ssh` for images on a network with a gateway, `link` or `init` without; `kernel` for own kernels",
        ),
    ] = UNSET
    boot_stall: Annotated[
        int | float | str,
        _key(
            "A boot without progress (instructions, console) for so long has failed; 0: never.", "2m", values.DURATION
        ),
    ] = 60
    stop_timeout: Annotated[
        int | float | str, _key("Time to power off when asked, before the guest is ended.", "10s", values.DURATION)
    ] = 30
    ssh: Annotated[
        SshTable | UnsetType, _key("How `vkd ssh` logs in.", {"user": "root"}, None, "the defaults below")
    ] = UNSET
    env: Annotated[
        dict[Annotated[str, _of(values.ENV_NAME)], Annotated[str, _of(values.LINE)]],
        _key("Environment variables of logins and `run`.", {"LANG": "C.UTF-8"}),
    ] = {}
    files: Annotated[
        dict[Annotated[str, _of(values.GUEST_PATH)], str | FileTable],
        _key("Files put into the guest before it boots.", {"/etc/motd": "hello\n"}),
    ] = {}
    run: Annotated[
        list[Annotated[str, _of(values.LINE)]],
        _key("Shell commands to run as root once the network is up.", ["httpd -h /srv"]),
    ] = []


class ClusterTable(Table):
    """The whole file. `[defaults]` -> `[images.NAME]` -> `[guests.NAME]`: the later wins; tables merge, lists not."""

    name: Annotated[
        str | UnsetType,
        _key(
            "Name of the cluster.",
            "demo",
            values.LABEL,
            "the file's name without `.toml`; for `cluster.toml` that of its folder",
        ),
    ] = UNSET
    mirror: Annotated[
        str | UnsetType,
        _key(
            "Address of a Debian mirror with riscv64, from which images are made.",
            "http://mirror.example/debian",
            values.MIRROR,
            "the one of this machine's APT",
        ),
    ] = UNSET
    overcommit: Annotated[bool, _key("Allow guests to have more memory in sum than the host has available.", True)] = (
        False
    )
    defaults: Annotated[GuestTable | UnsetType, _key("Keys for all guests.", {"memory": "256M"}, None, "none")] = UNSET
    images: Annotated[
        dict[Annotated[str, _of(values.LABEL)], GuestTable],
        _key(
            "Named sets of keys for guests with that `image`; `image` within it names what it builds on.",
            {"web": {"image": "tiny"}},
        ),
    ] = {}
    hosts: Annotated[
        dict[Annotated[str, _of(values.LABEL)], HostTable],
        _key(
            "Hosts that share the cluster; their networks are joined by encrypted tunnels.",
            {"berlin": {"address": "192.0.2.1", "public_key": "q1Qp0a…="}},
        ),
    ] = {}
    psk: Annotated[
        str | UnsetType,
        _key("File with a secret that all hosts have, from `vether key --psk`.", "lab.psk", values.PATH, "none"),
    ] = UNSET
    networks: Annotated[
        dict[Annotated[str, _of(values.LABEL)], NetworkTable] | UnsetType,
        _key("Networks.", {"lan": {"subnet": "10.77.0.0/24"}}, None, "one named `lan`"),
    ] = UNSET
    guests: Annotated[dict[Annotated[str, _of(values.LABEL)], GuestTable], _key("Guests.", {"a": {"cpus": 2}})] = {}
