"""`vkd key`: this host's key for the tunnels to other hosts."""

from pathlib import Path

import click

from vkd.errors import ConfigError
from vkd.paths import ensure_private, host_key_file


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def key(file: Path | None) -> None:
    """Print this host's public key, which stands in cluster files as `public_key` under [hosts.NAME].

    The private key is made, if there is none, in the state folder, or in FILE for a host whose `key` names it.
    """
    from vether import keys  # noqa: PLC0415 - cryptography is slow to load, and for this command only
    from vether.errors import VetherError  # noqa: PLC0415

    if file is None:
        file = host_key_file()
        ensure_private(file.parent)
    try:
        secret = keys.read(file) if file.exists() else keys.generate(file)
    except VetherError as error:
        raise ConfigError(error.message, hint=error.hint) from error
    click.echo(keys.encode(keys.public(secret)))
