"""Small stand-ins for what the Debian archive has: packages, programs, kernel modules, a signed index."""

from __future__ import annotations

import hashlib
import io
import lzma
import struct
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vkd.images.modules import module_name
from vkd.images.tiny import DEMAND_MODULES

RELEASE = "6.12.1-riscv64"
LIBRARIES = "usr/lib/riscv64-linux-gnu"


def elf(needed: Sequence[str] = (), soname: str | None = None) -> bytes:
    """An ELF-64 file with a dynamic section: one loaded segment that maps the whole file at 0x10000."""
    base, strings, tags = 0x10000, b"\0", b""
    for tag, name in [(1, name) for name in needed] + ([(14, soname)] if soname else []):
        tags += struct.pack("<QQ", tag, len(strings))
        strings += name.encode() + b"\0"
    headers_at, strings_at = 64, 64 + 2 * 56
    dynamic_at = strings_at + len(strings)
    tags += struct.pack("<QQQQ", 5, base + strings_at, 0, 0)
    size = dynamic_at + len(tags)
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 243, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    dynamic = struct.pack("<IIQQQQQQ", 2, 4, dynamic_at, base + dynamic_at, 0, len(tags), len(tags), 8)
    assert len(header) == headers_at
    return header + load + dynamic + strings + tags


def module(name: str, depends: Sequence[str] = (), aliases: Sequence[str] = ()) -> bytes:
    """A kernel module that has nothing but its `.modinfo`."""
    fields = [f"name={name}", f"depends={','.join(depends)}", *(f"alias={alias}" for alias in aliases)]
    info = b"".join(field.encode() + b"\0" for field in fields)
    names = b"\0.modinfo\0.shstrtab\0"
    sections_at = 64 + len(info) + len(names)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 1, 243, 1, 0, 0, sections_at, 0, 64, 0, 0, 64, 3, 2)

    def section(at_name: int, at: int, size: int) -> bytes:
        return struct.pack("<IIQQQQIIQQ", at_name, 1, 0, 0, at, size, 0, 0, 1, 0)

    table = bytes(64) + section(1, 64, len(info)) + section(10, 64 + len(info), len(names))
    return header + info + names + table


def tar(files: Mapping[str, bytes | str], kind: str = "xz") -> bytes:
    """A data.tar of files; a `str` is a symbolic link's target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{kind}") as archive:  # type: ignore[call-overload]
        for path, data in files.items():
            info = tarfile.TarInfo(f"./{path}")
            info.mode = 0o755
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def deb(files: Mapping[str, bytes | str], kind: str = "xz", data_name: str | None = None) -> bytes:
    """A Debian package."""
    out = b"!<arch>\n"
    name = data_name or f"data.tar.{kind}"
    for member, data in (("debian-binary", b"2.0\n"), ("control.tar.xz", b"none"), (name, tar(files, kind))):
        out += (
            f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return out


def tiny_packages() -> dict[str, tuple[str, list[str], bytes]]:
    """All that `tiny` is made of, in small: name -> (section, dependencies, package)."""
    modules = {
        "drivers/virtio/virtio_mmio": module("virtio_mmio"),
        "drivers/net/virtio_net": module("virtio_net", ["net_failover"], ["virtio:d00000001v*"]),
        "drivers/net/net_failover": module("net_failover", ["failover"]),
        "net/core/failover": module("failover"),
        "drivers/block/virtio_blk": module("virtio_blk", [], ["virtio:d00000002v*"]),
        "drivers/char/hw_random/virtio-rng": module("virtio_rng"),
        "fs/ext4/ext4": module("ext4", ["jbd2", "mbcache"], ["fs-ext4"]),
        "fs/jbd2/jbd2": module("jbd2"),
        "fs/mbcache": module("mbcache"),
        "unwanted": module("unwanted"),
    }
    have = {module_name(path) for path in modules}
    modules |= {f"other/{name}": module(name) for name in DEMAND_MODULES if name not in have}
    kernel: dict[str, bytes | str] = {f"boot/vmlinux-{RELEASE}": b"MZ the kernel"}
    for path, image in modules.items():
        kernel[f"usr/lib/modules/{RELEASE}/kernel/{path}.ko.xz"] = lzma.compress(image)
    libc = {f"{LIBRARIES}/libc.so.6": elf(["ld.so.1"], "libc.so.6"), f"{LIBRARIES}/ld.so.1": elf([], "ld.so.1")}
    return {
        "linux-image-riscv64": ("kernel", [f"linux-image-{RELEASE}"], deb({})),
        f"linux-image-{RELEASE}": ("kernel", ["kmod"], deb(kernel)),
        "busybox-static": ("shells", [], deb({"usr/bin/busybox": elf()})),
        "dropbear-bin": (
            "net",
            ["libc6", "libz1"],
            deb({path: elf(["libz.so.1", "libc.so.6"]) for path in ("usr/sbin/dropbear", "usr/bin/dbclient")}),
        ),
        "openssh-sftp-server": (
            "net",
            ["openssh-client", "libc6"],
            deb({"usr/lib/openssh/sftp-server": elf(["libc.so.6"])}),
        ),
        "libc6": ("libs", ["libgcc-s1"], deb({**libc, f"{LIBRARIES}/libm.so.6": elf([], "libm.so.6")})),
        "libz1": (
            "libs",
            ["libc6", "libdeep1"],
            deb(
                {
                    f"{LIBRARIES}/libz.so.1.3": elf(["libdeep.so.1", "libc.so.6"], "libz.so.1"),
                    f"{LIBRARIES}/libz.so.1": "libz.so.1.3",
                }
            ),
        ),
        "libdeep1": ("libs", ["libc6"], deb({f"{LIBRARIES}/libdeep.so.1": elf(["libc.so.6"], "libdeep.so.1")})),
        "libgcc-s1": ("libs", [], deb({f"{LIBRARIES}/libgcc_s.so.1": elf([], "libgcc_s.so.1")})),
    }


@dataclass
class Signer:
    """A throw-away key that signs indexes."""

    home: Path
    keyring: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home.mkdir(mode=0o700)
        self.keyring = self.home / "keyring.gpg"
        self._gpg("--quick-generate-key", "--passphrase", "", "archive@example.org", "ed25519", "sign", "never")
        self._gpg("--export", "--output", str(self.keyring))

    def sign(self, text: str) -> bytes:
        return self._gpg("--clear-sign", "--output", "-", data=text.encode())

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False)

    def _gpg(self, *arguments: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def make_archive(root: Path, signer: Signer, *, date: str = "Sat, 12 Sep 2026 07:55:41 UTC", extra: str = "") -> None:
    """Lay out a mirror below `root` with the packages of `tiny`."""
    stanzas = []
    for name, (section, depends, data) in tiny_packages().items():
        path = f"pool/{name}_1.0_riscv64.deb"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
        stanzas.append(
            f"Package: {name}\nVersion: 1.0\nArchitecture: riscv64\nSection: {section}\n"
            + (f"Depends: {', '.join(f'{d} (>= 1) | other' for d in depends)}\n" if depends else "")
            + f"Filename: {path}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
    index = lzma.compress("\n".join(stanzas).encode())
    dists = root / "dists/trixie"
    (dists / "main/binary-riscv64").mkdir(parents=True, exist_ok=True)
    (dists / "main/binary-riscv64/Packages.xz").write_bytes(index)
    digest = hashlib.sha256(index).hexdigest()
    release = f"Origin: Debian\nSuite: stable\nCodename: trixie\nVersion: 13.9\nDate: {date}\n{extra}SHA256:\n"
    (dists / "InRelease").write_bytes(signer.sign(f"{release} {digest} {len(index)} main/binary-riscv64/Packages.xz\n"))
