"""How a key of the schema is described."""

from typing import Any

from msgspec import Meta

from vkd.config.values import Kind


def key(description: str, example: Any, kind: Kind | None = None, default: str | None = None) -> Meta:
    """Describe a key: meaning, an example, its kind of value, and the default where that is not a plain value."""
    extra = {"example": example, "kind": kind, "default": default}
    return Meta(description=description, examples=[example], extra=extra)


def of(kind: Kind) -> Meta:
    """Describe the items of a list, or the keys or values of a map."""
    return Meta(extra={"kind": kind})
