from __future__ import annotations

import base64
import stat
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.images.cpio import Entry, read_untrusted
from vkd.images.identity import File, Identity, Interface, Mount
from vkd.images.keys import dropbear_key, known_hosts_line, make_ssh_key, public_line

MAC = "52:54:00:12:34:56"


def entries(identity: Identity) -> dict[str, Entry]:
    return {entry.name: entry for entry in read_untrusted(identity.cpio())}


def test_files_of_a_guest() -> None:
    host, _ = make_ssh_key()
    _, user = make_ssh_key("me@here")
    identity = Identity(
        "web",
        (
            Interface(MAC, ("10.1.0.2/24", "fd00::2/64"), "10.1.0.1", ("10.1.0.1", "fd00::1"), 1400),
            Interface("52:54:00:00:00:01", ("dhcp",), dns=("10.1.0.1",)),
            Interface("52:54:00:00:00:02"),
        ),
        hosts={"web": "10.1.0.2", "db": "10.1.0.3"},
        host_key=host,
        authorized_keys=(user + "\n",),
        files=(File("/opt/tool", b"\0\1", 0o755),),
        mounts=(Mount("/dev/vda", "/srv/data"),),
        environment={"A": "it's", "B": "x y"},
        run="echo up",
    )
    made = entries(identity)
    content = {name: entry.data for name, entry in made.items() if stat.S_ISREG(entry.mode)}
    assert content["etc/hostname"] == b"web\n"
    assert content["etc/hosts"].decode().splitlines()[2:] == ["10.1.0.2 web", "fd00::2 web", "10.1.0.3 db"]
    assert content["etc/vkd/links"].decode().splitlines() == [
        f"{MAC} 1400 10.1.0.1 10.1.0.2/24 fd00::2/64",
        "52:54:00:00:00:01 - - dhcp",
        "52:54:00:00:00:02 - -",
    ]
    assert content["etc/resolv.conf"] == b"nameserver 10.1.0.1\nnameserver fd00::1\n"
    assert content["root/.ssh/authorized_keys"] == f"{user}\n".encode()
    assert content["etc/vkd/fstab"] == b"/dev/vda /srv/data ext4 defaults 0 0\n"
    assert content["etc/vkd/run"] == b"#!/bin/sh\necho up\n"
    assert content["opt/tool"] == b"\0\1"
    assert content["etc/ssh/ssh_host_ed25519_key"] == host
    modes = {name: stat.S_IMODE(entry.mode) for name, entry in made.items()}
    assert modes["root/.ssh"] == modes["root"] == 0o700
    assert modes["root/.ssh/authorized_keys"] == modes["etc/dropbear/dropbear_ed25519_host_key"] == 0o600
    assert modes["etc/vkd/run"] == modes["opt/tool"] == 0o755
    assert stat.S_ISDIR(made["srv/data"].mode)
    assert identity.cpio() == identity.cpio()


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,5}", fullmatch=True),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        min_size=1,
    )
)
def test_environment_survives_the_shell(environment: dict[str, str]) -> None:
    hostile = {f"VKD_{name}": value for name, value in environment.items()}
    script = entries(Identity("a", environment=hostile))["etc/vkd/env"].data
    done = subprocess.run(
        ["sh", "-c", script + b'\nfor name; do eval "printf \'%s\\0\' \\"\\$$name\\""; done', "sh", *hostile],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"".join(value.encode() + b"\0" for value in hostile.values())


def test_an_extra_file_replaces_one_of_ours() -> None:
    made = [
        entry
        for entry in read_untrusted(Identity("a", files=(File("/etc/hosts", b"mine"),)).cpio())
        if entry.name == "etc/hosts"
    ]
    assert [entry.data for entry in made] == [b"mine"]


def test_a_users_key_is_there_in_the_form_of_both_clients() -> None:
    private, _ = make_ssh_key()
    made = entries(Identity("a", files=(File("/home/me/.ssh/id_ed25519", private, 0o600),)))
    assert made["home/me/.ssh/id_dropbear"].data == dropbear_key(private)
    assert stat.S_IMODE(made["home/me/.ssh/id_dropbear"].mode) == 0o600
    for path, content in (("/home/me/.ssh/id_ed25519", b"no key"), ("/etc/id_ed25519", private)):
        assert not any("dropbear" in name for name in entries(Identity("a", files=(File(path, content),))))


def test_dropbear_key_is_the_same_key() -> None:
    private, public = make_ssh_key()
    made = dropbear_key(private)
    size = struct.unpack(">I", made[:4])[0]
    assert made[4 : 4 + size] == b"ssh-ed25519"
    assert struct.unpack(">I", made[4 + size : 8 + size])[0] == 64
    assert len(made) == 8 + size + 64
    assert base64.b64decode(public.split()[1])[-32:] == made[-32:]


def test_openssh_reads_the_key(tmp_path: Path) -> None:
    private, public = make_ssh_key("who")
    path = tmp_path / "key"
    path.write_bytes(private)
    path.chmod(0o600)
    shown = subprocess.run(["ssh-keygen", "-y", "-f", str(path)], capture_output=True, check=True, text=True).stdout
    assert shown.split()[:2] == public.split()[:2]
    assert public_line(private, "who") == public
    hosts = tmp_path / "known_hosts"
    hosts.write_text(known_hosts_line("web,[10.0.0.1]:2222", public))
    assert (
        subprocess.run(
            ["ssh-keygen", "-F", "[10.0.0.1]:2222", "-f", str(hosts)], check=False, capture_output=True
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Identity, {"hostname": "a_b"}),
        (Identity, {"hostname": ""}),
        (Identity, {"hostname": "a\nb"}),
        (Identity, {"hostname": "a", "hosts": {"b c": "10.0.0.1"}}),
        (Identity, {"hostname": "a", "hosts": {"b": "10.0.0"}}),
        (Identity, {"hostname": "a", "environment": {"1": "x"}}),
        (Identity, {"hostname": "a", "authorized_keys": ("x\ny",)}),
        (Identity, {"hostname": "a", "host_key": b"-----BEGIN"}),
        (Interface, {"mac": "52:54:00:12:34:5G"}),
        (Interface, {"mac": MAC.upper().replace("5", "A")}),
        (Interface, {"mac": MAC, "addresses": ("10.0.0.1",)}),
        (Interface, {"mac": MAC, "addresses": ("10.0.0.1/33",)}),
        (Interface, {"mac": MAC, "gateway": "$(reboot)"}),
        (Interface, {"mac": MAC, "mtu": 0}),
        (Mount, {"source": "/dev/vda", "target": "data"}),
        (Mount, {"source": "/dev/v da", "target": "/data"}),
        (File, {"path": "etc/x", "content": b""}),
        (File, {"path": "/etc/../x", "content": b""}),
        (File, {"path": "/", "content": b""}),
        (File, {"path": "/x", "content": b"", "mode": -1}),
    ],
)
def test_wrong_values(kind: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        kind(**arguments)
