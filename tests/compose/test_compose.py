"""Three hosts in Docker: the image, the containers' rights, and what the cluster does."""

from collections.abc import Iterator

import pytest

from tests.compose.engine import Engine, build, compose_command
from tests.multihost.behaviour import Behaviour
from tests.multihost.fleet import GUESTS, Fleet, run

pytestmark = pytest.mark.compose


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    engine = Engine(compose_command())
    build()
    try:
        engine.start()
        yield engine
    finally:
        engine.close()
        assert not engine.left()


class TestCompose(Behaviour):
    def test_the_containers_have_no_rights(self, fleet: Fleet) -> None:
        for host in GUESTS:
            assert fleet.run(host, "id", "-u") == "1000"
            # Of no process, not even of one that were root.
            assert set(fleet.run(host, "sh", "-c", "grep -h CapBnd /proc/[0-9]*/status").split()[1::2]) == {"0" * 16}
            assert fleet.run(host, "touch", "/usr/bin/x", code=1) == ""
            # Nothing that vkd needs is missing: exit code 0.
            fleet.run(host, "vkd", "doctor")
            # Its own private key, and those of the others nowhere.
            assert fleet.run(host, "sh", "-c", "find / -name host.key 2>/dev/null || true") == "/var/lib/vkd/host.key"

    def test_hosts_share_no_network_but_their_own(self, fleet: Fleet) -> None:
        assert fleet.run("h1", "sh", "-c", "ls /sys/class/net | grep -c eth") == "2"
        assert isinstance(fleet, Engine)
        there = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        addresses = [run(["docker", "inspect", "-f", there, fleet.container(host)]).split() for host in ("h1", "h2")]
        networks = [{address.rpartition(".")[0] for address in own} for own in addresses]
        assert len(networks[0] & networks[1]) == 1
