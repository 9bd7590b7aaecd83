"""The switch beside the kernel's bridge and VDE, between hosts that are network namespaces."""
