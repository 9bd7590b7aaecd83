"""Parse a cluster file that stands in a test."""

from pathlib import Path

from vkd.config import Cluster, Loaded, parse_untrusted

FOLDER = Path("/clusters")


def parse(text: str) -> Loaded:
    return parse_untrusted(text, "demo.toml", "demo", FOLDER)


def cluster(text: str) -> Cluster:
    return parse(text).cluster
