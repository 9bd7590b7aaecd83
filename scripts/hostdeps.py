#!/usr/bin/env python3
"""Install the Debian packages that the project needs, or say exactly what is missing.

Usage: hostdeps.py GROUP...   (run: to build and run; test: to test as well; bench: what measuring needs beside these;
docker: to make the image for containers, with the Docker that is there)

As root, missing packages are installed with APT from the machine's own mirror. As another user, or where there is no
APT, what is missing is printed with the command that would install it: without the `run` group nothing works (exit
status 5); tests that need something from the `test` group are skipped by name.

Only the standard library is used: this runs before the virtual environment exists.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

BACKPORTS = "bookworm-backports"
QEMU = "qemu-system-misc"
ARCHIVE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PYTHON_HEADER = Path(sysconfig.get_path("include"), "Python.h")
CARGO_MINIMUM = (1, 88)


@dataclass(frozen=True)
class Need:
    """One thing that the host must have, and the Debian package that brings it."""

    package: str
    what: str
    command: str | None = None
    file: Path | None = None
    library: str | None = None
    minimum: tuple[int, ...] = ()  # of the command's version
    optional: bool = False  # nothing but what it is for is missing without it

    def missing(self) -> bool:
        """Whether the host lacks it."""
        if self.command is not None:
            return shutil.which(self.command) is None or version_of(self.command) < self.minimum
        if self.file is not None:
            return not self.file.exists()
        try:
            ctypes.CDLL(self.library)
        except OSError:
            return True
        return False


DEBOOTSTRAP = Need("debootstrap", "the base image of containers", command="debootstrap")

GROUPS = {
    "run": [
        Need("gcc", "a linker for native modules", command="cc"),
        Need("libc6-dev", "the C library's headers", file=Path("/usr/include/stdlib.h")),
        Need("openssh-client", "ssh into guests", command="ssh"),
        Need("gpgv", "verification of Debian's package index", command="gpgv"),
        Need("debian-archive-keyring", "the keys of that verification", file=ARCHIVE_KEYRING),
        Need("libslirp0", "the networks' gateway", library="libslirp.so.0"),
        Need("python3-dev", "TAP ports of vether (builds python-pytun)", file=PYTHON_HEADER, optional=True),
    ],
    "test": [
        Need("gcc-riscv64-linux-gnu", "instruction tests", command="riscv64-linux-gnu-gcc"),
        Need(
            "libc6-dev-riscv64-cross",
            "guest programs of the benchmark",
            file=Path("/usr/riscv64-linux-gnu/include/stdlib.h"),
        ),
        Need(QEMU, "the differential fuzzer", command="qemu-system-riscv64", minimum=(10,)),
        Need("opensbi", "the firmware test", file=Path("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin")),
        Need("device-tree-compiler", "the device tree test", command="dtc"),
        Need("iproute2", "network tests in namespaces", command="ip"),
        Need("iputils-ping", "network tests", command="ping"),
        Need("user-mode-linux", "foreign machines on a switch", command="linux.uml"),
        Need("vdeplug", "a foreign cable on a switch", command="vde_plug"),
        Need("tcpdump", "captures, read by another program", command="tcpdump"),
        Need("tshark", "captures, read by another program", command="tshark"),
        Need("systemd", "verification of the service units", command="systemd-analyze"),
        Need("gpg", "package index tests", command="gpg"),
        Need("cpio", "initramfs tests", command="cpio"),
        Need("e2fsprogs", "disk tests", file=Path("/sbin/mkfs.ext4")),
        DEBOOTSTRAP,
    ],
    "docker": [DEBOOTSTRAP],
    "bench": [
        Need("iperf3", "figures of the switch", command="iperf3"),
        Need("vde2", "figures of vde_switch", command="vde_switch"),
        Need("user-mode-linux", "figures of User Mode Linux", command="linux.uml"),
    ],
}


def version_of(command: str) -> tuple[int, ...]:
    """Return the first dotted number that ``command --version`` prints."""
    text = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def lacking_tools() -> list[str]:
    """Return what must be there before anything can be installed by us."""
    problems = []
    if sys.version_info < (3, 11):  # noqa: UP036 - this script is what tells users of an older one
        problems.append(f"Python 3.11 or later (this is {sys.version.split()[0]}): name one with `make PYTHON=...`")
    wanted = ".".join(map(str, CARGO_MINIMUM))
    if shutil.which("cargo") is None:
        problems.append(f"cargo {wanted} or later: install Rust, for example with rustup")
    elif version_of("cargo") < CARGO_MINIMUM:
        problems.append(f"cargo {wanted} or later (this is {'.'.join(map(str, version_of('cargo')))}): `rustup update`")
    return problems


def lacks_venv() -> bool:
    """Whether this Python cannot make virtual environments (Debian packs that apart)."""
    probe = [sys.executable, "-c", "import venv, ensurepip"]
    return subprocess.run(probe, capture_output=True, check=False).returncode != 0


def debian_uri() -> str | None:
    """Return the mirror that APT uses for Debian itself, as APT reports its own configuration."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    uris = [line.split()[0] for line in lines if line.endswith(" Debian")]
    return uris[0].rstrip("/") if uris else None


def apt(*arguments: str) -> bool:
    """Run apt-get and say whether it succeeded; the end of its output goes to the user when it did not."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-2000:])
    return done.returncode == 0


def install(packages: list[str]) -> None:
    """Install ``packages``; QEMU from backports where the release's own is too old."""
    print(f"installing: {' '.join(packages)}", flush=True)
    apt("update")
    ordinary = [name for name in packages if name != QEMU]
    if ordinary:
        apt("install", "-y", "--no-install-recommends", *ordinary)
    if QEMU in packages:
        install_qemu()


def install_qemu() -> None:
    """Install a QEMU that knows the extensions we have, without a lasting change to the machine's APT sources."""
    uri = debian_uri()
    if uri is None or "bookworm" not in Path("/etc/os-release").read_text():
        apt("install", "-y", "--no-install-recommends", QEMU)
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Path(folder, "backports.sources").write_text(
            f"Types: deb\nURIs: {uri}\nSuites: {BACKPORTS}\nComponents: main\nSigned-By: {ARCHIVE_KEYRING}\n"
        )
        sources = ["-o", f"Dir::Etc::sourceparts={folder}"]
        apt("update", *sources, "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "APT::Get::List-Cleanup=0")
        for own in Path("/etc/apt/sources.list.d").glob("*"):
            Path(folder, own.name).symlink_to(own)
        apt("install", "-y", "--no-install-recommends", *sources, "-t", BACKPORTS, QEMU)


def unmet(groups: list[str]) -> list[Need]:
    """Return the needs of the groups that the host does not meet, each package once."""
    needs = {need.package: need for group in groups for need in GROUPS[group] if need.missing()}
    return list(needs.values())


def report(needs: list[Need]) -> None:
    """Say what is missing, for what, and how to get it."""
    print("The host lacks:", file=sys.stderr)
    for need in needs:
        print(f"  {need.package:24} for {need.what}", file=sys.stderr)
    print(f"Install with: sudo apt-get install {' '.join(need.package for need in needs)}", file=sys.stderr)


def main(groups: list[str]) -> int:
    """Install or report; return the exit status."""
    problems = lacking_tools()
    if problems:
        print("The host lacks:\n" + "\n".join(f"  {problem}" for problem in problems), file=sys.stderr)
        return 5
    venv = Need("python3-venv", "virtual environments", file=Path("/nonexistent"))
    needs = unmet(groups) + ([venv] if lacks_venv() else [])
    if needs and os.geteuid() == 0 and shutil.which("apt-get"):
        install([need.package for need in needs])
        needs = unmet(groups) + ([venv] if lacks_venv() else [])
    if not needs:
        return 0
    report(needs)
    if any(need is venv or (need in GROUPS["run"] and not need.optional) for need in needs):
        return 5
    print("Going on without: the tests that need these are skipped, each with its reason.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["run"]))
