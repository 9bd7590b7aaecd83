"""Programs out of Debian's archive, the same release for riscv64 and for the host, as users run them."""
