"""vether: a virtual Ethernet switch daemon in user space."""

__version__: str


def __getattr__(name: str) -> str:
    """Look `__version__` up when somebody asks: every command of vkd imports this package, and few want it."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import metadata  # noqa: PLC0415 - slow to import

    try:
        return metadata.version("vkd")
    except metadata.PackageNotFoundError:  # used from a source tree that is not installed
        return "0"
