"""A base image of Debian made with debootstrap, for machines that reach no registry.

Mirror and release are those of this machine's APT (VKD_MIRROR names another mirror). Inside, APT has the machine's
Debian sources. Nothing of it is fetched from anywhere else.

The work is done by a process in namespaces of its own, for mounts and processes: whatever ends this one
ends debootstrap, too, and nothing stays mounted.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vkd.errors import HostLacksError, VkdError
from vkd.images.index import KEYRING
from vkd.images.mirror import DEBIAN_SUITES, Source, apt_sources, mirrors

#: The release where APT does not say: Debian's stable when this was written.
RELEASE = "trixie"

#: Settings of APT that a mirror may need, for example one that is a snapshot of the past.
_SETTINGS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")


def debian_sources() -> list[Source]:
    """Return the machine's sources of Debian itself, updates and security included."""
    found = [source for source in apt_sources(Path("/"), os.environ) if "main" in source.components]
    return [source for source in found if any(suite.partition("-")[0] in DEBIAN_SUITES for suite in source.suites)]


def make(image: str) -> None:
    """Make the image. Raises `VkdError` that says what is missing or went wrong."""
    if shutil.which("debootstrap") is None:
        raise HostLacksError("there is no debootstrap", hint="install it, or name a base image with --base")
    if os.geteuid() != 0:
        hint = "run this as root once, or name a base image that there is with --base"
        raise HostLacksError("debootstrap makes a root file system, which takes root", hint=hint)
    with tempfile.TemporaryDirectory(prefix="vkd-base-") as folder:
        command = [*_contained(), sys.executable, str(Path(__file__).resolve()), image, folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise VkdError(done.stdout.strip() or f"the making of {image} ended with status {done.returncode}")


def _contained() -> list[str]:
    """Return the words that run a command in namespaces which end with this process; none where that is not allowed."""
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return []
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        return []
    return ["setpriv", "--pdeathsig", "KILL", *apart]


def _make(image: str, folder: Path) -> None:
    mirror = mirrors(None, os.environ)[0]
    sources = debian_sources()
    release = next((suite for source in sources for suite in source.suites if suite in DEBIAN_SUITES), RELEASE)
    with _in_memory(folder):
        root = folder / "root"
        # The container's root folder gets the mode of this one.
        root.mkdir(mode=0o755)
        _debootstrap(root, release, mirror)
        _configure(root, sources)
        _import(root, image, release)


@contextlib.contextmanager
def _in_memory(folder: Path) -> Iterator[None]:
    """Have `folder` in memory, where there may be one: dpkg waits for the disk after every file."""
    mount = ["mount", "-t", "tmpfs", "-o", "mode=700,size=1g", "vkd-base", str(folder)]
    subprocess.run(mount, capture_output=True, check=False)
    try:
        yield
    finally:
        # What debootstrap mounted goes as well, if it did not come to its end.
        for mounted in (folder / "root/proc", folder / "root/sys", folder):
            subprocess.run(["umount", str(mounted)], capture_output=True, check=False)


def _debootstrap(root: Path, release: str, mirror: str) -> None:
    command = ["debootstrap", "--variant=minbase", f"--keyring={KEYRING}"]
    if mirror.startswith("https:"):
        command.append("--include=ca-certificates")
    done = subprocess.run(
        [*command, release, str(root), mirror],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise VkdError(f"debootstrap failed:\n{done.stdout[-2000:].rstrip()}")


def _configure(root: Path, sources: list[Source]) -> None:
    """Give the image the machine's sources, the settings that they need, and nothing that only takes room."""
    if sources:
        lines = [
            f"deb [signed-by={KEYRING}] {source.uri} {suite} {' '.join(source.components)}\n"
            for source in sources
            for suite in source.suites
        ]
        (root / "etc/apt/sources.list").write_text("".join(lines))
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    wanted = re.findall(rf"^(?:{'|'.join(_SETTINGS)}) .*;$", dump, re.MULTILINE)
    settings = [*wanted, 'Acquire::Languages "none";']
    (root / "etc/apt/apt.conf.d/80vkd").write_text("".join(f"{line}\n" for line in settings))
    # An image that is not whole is not kept: no package has to be on the disk before the next.
    (root / "etc/dpkg/dpkg.cfg.d/80vkd").write_text("force-unsafe-io\n")
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / folder)
        (root / folder / "partial").mkdir(parents=True)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/hostname").unlink(missing_ok=True)


def _import(root: Path, image: str, release: str) -> None:
    words = [
        "docker",
        "import",
        "--change",
        'CMD ["bash"]',
        "--message",
        f"Debian {release} by debootstrap",
        "-",
        image,
    ]
    with subprocess.Popen(["tar", "-C", str(root), "--numeric-owner", "-c", "."], stdout=subprocess.PIPE) as tar:
        done = subprocess.run(words, stdin=tar.stdout, capture_output=True, text=True, check=False)
    if done.returncode or tar.returncode:
        raise VkdError(f"docker import failed: {done.stderr.strip()}")


if __name__ == "__main__":
    try:
        _make(sys.argv[1], Path(sys.argv[2]))
    except VkdError as error:
        sys.exit("\n".join([str(error), *([f"  {error.hint}"] if error.hint else [])]))
