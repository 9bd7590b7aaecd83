"""Where a cluster's networks and their ports are: folders and sockets."""

from pathlib import Path

from vkd.config.model import Guest
from vkd.config.switchspec import port_name


def network_folder(cluster: Path, name: str) -> Path:
    """Return the folder of a network; guests' names hold no `@`, so it is no guest's."""
    return cluster / f"@{name}"


def port_socket(cluster: Path, guest: Guest, number: int) -> Path:
    """Return the switch's socket that a guest's card connects to."""
    return network_folder(cluster, guest.nics[number].network) / "ports" / port_name(guest, number)
