"""vether: a virtual Ethernet switch daemon in user space."""

from importlib import metadata

try:
    __version__ = metadata.version("vkd")
except metadata.PackageNotFoundError:  # used from a source tree that is not installed
    __version__ = "0"
