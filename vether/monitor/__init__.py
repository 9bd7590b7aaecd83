"""What happens at a switch, told to whoever follows: `vether monitor`."""

from vether.monitor.feed import Feed, Follower, Publish, ignore

__all__ = ["Feed", "Follower", "Publish", "ignore"]
