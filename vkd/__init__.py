"""vkd: clusters of virtual machines on any Linux host, without KVM and without root."""
