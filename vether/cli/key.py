"""`vether key`: make and show keys."""

from pathlib import Path

import click

from vether import keys


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--psk", is_flag=True, help="Make a pre-shared secret instead, for both ends of one tunnel.")
def key(file: Path, *, psk: bool) -> None:
    """Print the public key of the private key in FILE, which is made (mode 0600) if it is not there.

    The public key is what other switches have as `public_key` of a peer. A secret made with --psk is not
    printed; copy the file to the other end by a safe way.
    """
    secret = keys.read(file) if file.exists() else keys.generate(file)
    if not psk:
        click.echo(keys.encode(keys.public(secret)))
