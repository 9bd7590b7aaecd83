"""The impairments of a running switch: what each port suffers from, patched setting by setting."""

from collections.abc import Mapping
from typing import Any

from vether.errors import SpecError
from vether.netem import DIRECTIONS, Direction, Netem, describe, patch_untrusted
from vkd._native import Switch


class Impairments:
    """Knows the settings that the native switch has, by port and direction."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._set: dict[tuple[str, str], Netem] = {}

    def forget(self, port: str) -> None:
        """Note that a port is gone, and its impairments with it."""
        for direction in DIRECTIONS:
            self._set.pop((port, direction), None)

    def replace_untrusted(self, port: str, direction: Direction, settings: Mapping[str, object]) -> None:
        """Impair a direction by `settings` alone; without any it is not impaired. Raises `SpecError`."""
        self._apply(port, direction, patch_untrusted(Netem(), settings) if settings else None)

    def patch_untrusted(
        self, port: str, directions: tuple[Direction, ...], settings: Mapping[str, object], *, clear: bool = False
    ) -> None:
        """Change `settings` of a port's directions and keep all others, or begin anew (`clear`). Raises `SpecError`.

        Nothing is changed if anything is wrong.
        """
        wanted: dict[Direction, Netem | None] = {}
        for direction in directions:
            old = Netem() if clear else self._set.get((port, direction), Netem())
            wanted[direction] = patch_untrusted(old, settings) if settings or not clear else None
        for direction, netem in wanted.items():
            self._apply(port, direction, netem)

    def _apply(self, port: str, direction: Direction, netem: Netem | None) -> None:
        if netem is not None and not describe(netem):
            netem = None
        try:
            self._switch.set_netem(port, direction, None if netem is None else netem.settings(port, direction))
        except KeyError:
            raise SpecError(f"there is no port {port!r}") from None
        if netem is None:
            self._set.pop((port, direction), None)
        else:
            self._set[port, direction] = netem

    def rows(self, port: str | None = None) -> list[dict[str, Any]]:
        """Return each impairment: its settings as text, and what it did."""
        rows = [row for row in self._switch.netem() if port in {None, row["port"]}]
        return [{**row, "settings": self._describe(row["port"], row["direction"])} for row in rows]

    def _describe(self, port: str, direction: str) -> dict[str, str]:
        return describe(self._set.get((port, direction), Netem()))
