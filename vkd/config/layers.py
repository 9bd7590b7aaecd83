"""Inheritance: `[defaults]`, then the chain of `[images.NAME]`, then the guest; the later wins, tables merge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vkd.config.problem import KeyPath, Problems

#: Images that vkd itself can make (see `vkd image ls`), and the word for having none.
BUILTIN_IMAGES = ("tiny",)
NO_IMAGE = "none"

_NAMES_THAT_MEAN_THE_SAME = {"nics": "networks", "disks": "disk"}


@dataclass(frozen=True)
class Merged:
    """One guest's keys after inheritance, and the layers (path in the file, table), the strongest first."""

    keys: dict[str, Any]
    image: str | None
    layers: tuple[tuple[KeyPath, Mapping[str, Any]], ...]

    def origin(self, key: str, *below: str | int) -> KeyPath:
        """Return where the file sets `key` (or a part of it), or the guest itself where nobody does."""
        for path, table in self.layers:
            for name in (key, _NAMES_THAT_MEAN_THE_SAME.get(key, key)):
                if name in table and (reached := _reach(table[name], below)) is not None:
                    return (*path, name, *reached)
        for path, table in self.layers:
            if key in table:
                return (*path, key)
        return self.layers[0][0]


def merge(document: Mapping[str, Any], guest: str, problems: Problems) -> Merged:
    """Return the keys of `guest`, from a document that the schema allows, in their long forms."""
    own = document["guests"][guest]
    defaults = document.get("defaults", {})
    layers: list[tuple[KeyPath, Mapping[str, Any]]] = [(("guests", guest), own)]
    images: Mapping[str, Mapping[str, Any]] = document.get("images", {})
    name = own.get("image")
    asked_at: KeyPath = ("guests", guest, "image")
    if name is None:
        name, asked_at = defaults.get("image"), ("defaults", "image")
    seen: set[str] = set()
    while name in images:
        seen.add(name)
        layers.append((("images", name), images[name]))
        asked_at = ("images", str(name), "image")
        name = images[str(name)].get("image")
        if name in seen:
            problems.add(asked_at, f"image {name!r} builds on itself")
            name = None
    if name is not None and name not in (*BUILTIN_IMAGES, NO_IMAGE):
        problems.add(asked_at, f"there is no image {name!r}", allowed=", ".join((*images, *BUILTIN_IMAGES, NO_IMAGE)))
    layers.append((("defaults",), defaults))
    keys: dict[str, Any] = {}
    for path, table in reversed(layers):
        keys = _over(keys, _long_form(table, path, problems))
    if name is None:
        name = NO_IMAGE if "kernel" in keys else BUILTIN_IMAGES[0]
    keys.pop("image", None)
    return Merged(keys, None if name == NO_IMAGE else name, tuple(layers))


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _long_form(table: Mapping[str, Any], path: KeyPath, problems: Problems) -> dict[str, Any]:
    """Return `table` with its short forms written out, so that layers in different forms merge."""
    long = dict(table)
    if isinstance(policy := long.get("restart"), str):
        long["restart"] = {"policy": policy}
    if "files" in long:
        long["files"] = {
            name: {"content": value} if isinstance(value, str) else value for name, value in long["files"].items()
        }
    if "networks" in long:
        if "nics" in long:
            problems.add((*path, "nics"), "there are networks too; give one of the two")
        long["nics"] = [{"network": name} for name in long.pop("networks")]
    if "disk" in long or "disks" in long:
        disks = [long.pop("disk")] if "disk" in long else []
        disks += long.get("disks", [])
        long["disks"] = [{"path": disk} if isinstance(disk, str) else disk for disk in disks]
    return long


def _reach(value: Any, below: tuple[str | int, ...]) -> KeyPath | None:
    """Return the part of `below` that leads into `value`: less in short forms, nothing if it is not there."""
    for at, part in enumerate(below):
        if isinstance(value, list) and isinstance(part, int):
            if part >= len(value):
                return None
            value = value[part]
        elif isinstance(value, dict):
            if part not in value:
                return None
            value = value[part]
        else:
            return below[:at]
    return below
