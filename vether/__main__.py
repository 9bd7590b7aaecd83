"""`python -m vether`."""

from vether.cli import main

main()
