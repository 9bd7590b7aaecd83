"""vether: a virtual Ethernet switch daemon in user space."""
