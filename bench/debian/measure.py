"""Programs of Debian's archive on all peers: openssl, 7zip, python3, sqlite3 and gcc."""

import platform
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import trio

from bench.build import COMPILERS, FOLDER, build
from bench.debian.root import archive, extract
from bench.figure import Figure
from bench.options import Options
from bench.peers.protocol import Answer
from bench.peers.workload import PeerError, Programs, Workload
from bench.rounds import Row, Sample, figure, run
from vkd.errors import VkdError
from vkd.images import cpio, ensure
from vkd.images.cache import Cache

MEMORY = 1 << 30
LIMIT = 300.0  # seconds for a row
PACKAGES = ("dash", "openssl", "7zip", "python3", "sqlite3", "gcc", "libc6-dev")
#: Debian's words for the host's instruction set.
HOSTS = {"x86_64": "amd64", "aarch64": "arm64"}


def seconds(answer: Answer) -> Sample:
    """Return how long the command took; raises PeerError with its last words when it failed."""
    _succeeded(answer)
    check = " ".join(line for line in answer.lines if line.startswith("BENCH check"))
    return Sample(answer.seconds, check=check)


def rate(pattern: str, unit: float) -> Callable[[Answer], Sample]:
    """Return what reads a rate that the program prints, in `unit`."""

    def read(answer: Answer) -> Sample:
        _succeeded(answer)
        found = [match for line in answer.lines if (match := re.match(pattern, line))]
        if not found:
            raise PeerError(f"nothing in its output is like {pattern}")
        return Sample(float(found[-1][1]) / unit)

    return read


def _succeeded(answer: Answer) -> None:
    if answer.status != 0:
        said = " / ".join(line for line in answer.lines if line.strip())
        raise PeerError(f"exit status {answer.status}: {said[-200:]}")


_SPEED = rate(r"\+F:\d+:[^:]+:([\d.]+)$", 1e6)
_TABLE = (
    Row("openssl-sha256", "openssl speed sha256", "sh /bench/sha256.sh", _SPEED, "MB/s", True, LIMIT),
    Row("openssl-aes", "openssl speed aes-128-cbc", "sh /bench/aes.sh", _SPEED, "MB/s", True, LIMIT),
    Row("7zip", "7z b, 1 thread", "7z b 1 -mmt1 -md18", rate(r"Tot:.* (\d+)$", 1), "MIPS", True, LIMIT),
    Row("python3", "python3, a mixed script", "python3 -B /bench/work.py", seconds, limit=LIMIT),
    Row("sqlite3", "sqlite3, inserts and selects", "sqlite3 -batch -init /bench/sqlite.sql /tmp/db .quit", seconds),
    Row("gcc", "gcc -O2 of three files", "sh /bench/gcc.sh", seconds, limit=LIMIT),
)
ROWS = tuple(row.name for row in _TABLE)


def measure(options: Options) -> Sequence[Figure]:
    """Run the rows wanted on machines with one hart."""
    rows = [row for row in _TABLE if options.wants(row.name)]
    image = trio.run(ensure, "tiny")
    with tempfile.TemporaryDirectory(prefix="vkd-bench-") as name:
        programs = {architecture: _programs(architecture, Path(name)) for architecture in COMPILERS}
        workload = Workload(image.kernel, image.cmdline, programs, MEMORY, 1, options.translate)
        results, _ = run(rows, workload, options.peers, options.rounds)
    return [figure(row, results[row.name]) for row in rows]


def _programs(architecture: str, folder: Path) -> Programs | PeerError:
    """Make an initramfs of Debian's files and ours; for the host a root folder of the same, too."""
    made = build(architecture, folder, _scripts())
    if isinstance(made, PeerError):
        return made
    word = HOSTS.get(platform.machine(), platform.machine()) if architecture == "native" else architecture
    try:
        debian = archive(PACKAGES, word, Cache.default())
    except VkdError as error:
        return PeerError(str(error))
    initrd, root = folder / architecture / "whole", folder / architecture / "root"
    with initrd.open("wb") as whole:
        for part in (debian, made.initrd):
            whole.write(part.read_bytes())
    if architecture == "native":
        root.mkdir()
        extract([debian, made.initrd], root)
    return Programs(initrd, _within(root))


def _scripts() -> Iterator[cpio.Entry]:
    for path in sorted((FOLDER / "debian").iterdir()):
        yield cpio.file(f"bench/{path.name}", path.read_bytes())
    for path in sorted((FOLDER / "suite").iterdir()):
        yield cpio.file(f"bench/suite-sources/{path.name}", path.read_bytes())


def _within(root: Path) -> tuple[str, ...]:
    """Return the command that starts the agent with `root` as its root folder, without privileges."""
    script = (
        "mount --rbind /dev dev && mount --rbind /proc proc && mount -t tmpfs tmpfs tmp && "
        "PATH=/bench:/usr/bin:/bin:/usr/sbin:/sbin exec chroot . /init"
    )
    return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f"cd '{root}' && {script}")
