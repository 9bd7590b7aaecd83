"""What the gateway serves by itself: DHCP and DNS, because names and addresses come from the specification.

:mod:`dhcp` and :mod:`dns` are pure: bytes and time in, bytes out. :mod:`packets` is the UDP, IPv4 and Ethernet around
them, and :mod:`shell` the thin part that waits, asks the host's resolvers and sends.
"""
