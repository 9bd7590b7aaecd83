#!/usr/bin/env python3
"""Make the image `vkd`: a host for `docker/compose.yaml`. Run by `make docker`, with the virtual environment's Python.

What a container needs is made here and copied into it: the project's wheel and those of what it depends on, by the
project's own build, and the guests' image out of this user's cache. The build itself needs a Debian mirror only.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import base

from vkd.errors import HostLacksError, VkdError
from vkd.images.progress import Watcher
from vkd.images.store import ensure_sync

FOLDER = Path(__file__).parent
WHEELS = FOLDER / "context/wheels"
IMAGES = FOLDER / "context/images"


def main() -> int:
    """Make what is not there; print a line for each step. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="Debian image to build on; default: one made with debootstrap, vkd-base")
    parser.add_argument("--new-base", action="store_true", help="make vkd-base even if it is there")
    parser.add_argument("--tag", default="vkd", help="name of the image; default: vkd")
    given = parser.parse_args()
    # An end from outside is an end in order: what was begun is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _look_for_docker()
        wanted = given.base or "vkd-base"
        if given.base is None and (given.new_base or _id_of(wanted) is None):
            print("base image: debootstrap", flush=True)
            base.make(wanted)
        print("wheels", flush=True)
        make_wheels()
        print("guests' image", flush=True)
        copy_guest_image()
        print(f"image {given.tag}", flush=True)
        before = _id_of(given.tag)
        _docker("build", "--quiet", "--build-arg", f"BASE={wanted}", "--tag", given.tag, str(FOLDER))
        if before and before != _id_of(given.tag):
            # A container may still use it.
            subprocess.run(["docker", "rmi", before], capture_output=True, check=False)
    except VkdError as error:
        print(f"error: {error}", *([f"  {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        return error.exit_code
    return 0


def make_wheels() -> None:
    """Build the project's wheel and fetch, or build, those that it depends on."""
    shutil.rmtree(WHEELS, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--wheel-dir", str(WHEELS)]
    # maturin is beside this interpreter; it gives the same bytes for the same sources where it is told the time.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": "1700000000"}
    # pip itself is for the build stage: a Debian's Python has none.
    done = subprocess.run([*command, str(FOLDER.parent), "pip"], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise VkdError(f"pip wheel failed:\n{done.stderr[-2000:].rstrip()}")


def copy_guest_image() -> None:
    """Copy the image `tiny` as it lies in the cache; it is made first where there is none."""
    image = ensure_sync("tiny", None, Watcher())
    shutil.rmtree(IMAGES, ignore_errors=True)
    built = image.kernel.parent
    shutil.copytree(built, IMAGES / image.name / built.name)
    (IMAGES / image.name / "current").symlink_to(built.name)


def _look_for_docker() -> None:
    if shutil.which("docker") is None:
        raise HostLacksError("there is no docker", hint="install Docker (docker.io) and its compose command")
    done = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    if done.returncode:
        hint = "start it, and see that this user may use it"
        raise HostLacksError(f"the Docker engine does not answer: {done.stderr.strip()}", hint=hint)


def _id_of(image: str) -> str | None:
    """Return the id of an image that is here, else None."""
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _docker(*words: str) -> None:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise VkdError(f"docker {words[0]} failed:\n{(done.stdout + done.stderr)[-3000:].rstrip()}")


if __name__ == "__main__":
    sys.exit(main())
