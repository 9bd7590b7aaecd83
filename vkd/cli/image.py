"""`vkd image`: the images on this machine."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vkd.api import Event
from vkd.cli.output import emit_json, emit_table, human_size
from vkd.cli.progress import open_view
from vkd.errors import VkdError
from vkd.paths import runtime_dir
from vkd.vkernel.spec import SPEC, read_spec

if TYPE_CHECKING:
    from vkd.images import Image, Progress

_WORDS = {"wait": "waiting for", "index": "package index", "download": "", "unpack": "unpack", "build": "build"}


@click.group()
def image() -> None:
    """Images that guests boot: made on this machine from Debian's packages, and kept."""


@image.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the images that are here."""
    from vkd.images import list_images  # noqa: PLC0415 - imports much

    found = list_images()
    if as_json:
        emit_json([_facts(one) for one in found])
    else:
        head = ("NAME", "KERNEL", "BUILT", "SIZE")
        emit_table(
            head, ((one.name, one.release, f"{one.built:%Y-%m-%d %H:%M}", human_size(one.size)) for one in found)
        )


@image.command()
@click.argument("name", default="tiny")
@click.option("--refresh", is_flag=True, help="Look for newer packages even if the image is here.")
@click.option("--mirror", metavar="URL", help="Debian mirror to take the packages from; default: the one of APT.")
@click.option("--json", "as_json", is_flag=True, help="Print the image as JSON, nothing else.")
def build(name: str, refresh: bool, mirror: str | None, as_json: bool) -> None:
    """Download and build an image (`vkd up` does so by itself)."""
    from vkd.images.progress import Watcher  # noqa: PLC0415 - imports much
    from vkd.images.store import ensure_sync  # noqa: PLC0415

    with _progress(as_json) as report:
        made = ensure_sync(name, mirror, Watcher(report), refresh=refresh)
    if as_json:
        emit_json(_facts(made))
    else:
        click.echo(f"{made.name}: Linux {made.release}, {human_size(made.size)}")


@image.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def rm(names: tuple[str, ...]) -> None:
    """Remove images that no guest uses; `vkd up` makes them again when they are asked for."""
    from vkd.images import remove  # noqa: PLC0415 - imports much
    from vkd.images.cache import Cache  # noqa: PLC0415

    used = used_files()
    for name in names:
        folder = Cache.default().images(name).resolve()
        if guests := sorted({guest for path, guest in used if folder in path.parents}):
            # A guest that reboots reads them again.
            raise VkdError(f"the image {name} is used by {', '.join(guests)}", hint="vkd down, then try again")
        shown = human_size(remove(name))
        click.echo(f"{name}: {shown} freed")


@image.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(as_json: bool) -> None:
    """Remove downloads, and builds that neither an image nor a guest needs any more."""
    from vkd.images import prune as prune_images  # noqa: PLC0415 - imports much

    freed = prune_images([path for path, _ in used_files()])
    if as_json:
        emit_json({"freed": freed})
    else:
        click.echo(f"{human_size(freed)} freed")


def used_files() -> list[tuple[Path, str]]:
    """Return the kernels and initrds of all guests, also of those that are stopped, each with the guest's name."""
    files: list[tuple[Path, str]] = []
    for path in sorted(runtime_dir().glob(f"*/*/{SPEC}")):
        try:
            spec = read_spec(path.parent)
        except (OSError, ValueError):  # gone meanwhile
            continue
        boots = (spec.kernel, *spec.initrd)
        files += [(Path(file).resolve(), f"{spec.cluster}/{spec.name}") for file in boots if file]
    return files


def _facts(one: "Image") -> dict[str, object]:
    return {
        "name": one.name,
        "release": one.release,
        "built": one.built,
        "size": one.size,
        "kernel": str(one.kernel),
        "initrd": str(one.initrd),
        "cmdline": one.cmdline,
    }


@contextmanager
def _progress(quiet: bool) -> "Generator[Callable[[Progress], None], None, None]":
    view = open_view(quiet=quiet)

    def report(step: "Progress") -> None:
        what = f"{_WORDS[step.phase]} {step.file}".strip()
        total = step.total or None
        view.show(Event(time=time.time(), kind="progress", what=what, done=step.done, total=total))

    try:
        yield report
    finally:
        view.close()
