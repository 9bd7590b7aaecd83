"""The vkd daemon: one for each runtime folder, started by hand (`vkd daemon`) or by the first command that needs it.

Only what a command line needs is imported here; the daemon itself is :mod:`vkd.daemon.main`.
"""

from vkd.daemon.spawn import spawn

__all__ = ["spawn"]
