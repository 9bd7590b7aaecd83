"""What a cluster on three hosts does, in Docker as in network namespaces. Every test leaves it as it found it."""

import subprocess
import time
from functools import partial

from tests.multihost.fleet import GUESTS, Fleet, wait_for


class Behaviour:
    """Tests that take a module's `fleet`."""

    def test_guests_log_in_to_guests_on_other_hosts(self, fleet: Fleet) -> None:
        for host, own in GUESTS.items():
            for guest in GUESTS.values():
                if guest != own:
                    assert fleet.ssh(host, f"ssh -y root@{guest} hostname") == guest
        # Longer than any packet between the hosts.
        assert " 0% packet loss" in fleet.ssh("h1", "ping -c 3 -W 5 -s 8000 b")
        assert fleet.ssh("h1", "ssh b 'head -c 3000000 /dev/zero' | wc -c") == "3000000"

    def test_each_host_runs_its_own_guest_and_knows_the_others(self, fleet: Fleet) -> None:
        for host, guest in GUESTS.items():
            assert fleet.run(host, "sh", "-c", "vkd ps | tail -n +2 | tr -s ' ' | cut -d ' ' -f 2") == guest
            rows = fleet.peers(host)
            assert rows.keys() == GUESTS.keys() - {host}
            assert all(row["up"] for row in rows.values()), rows
            # Its own gateway, at the address that the others' have as well.
            assert fleet.ssh(host, "nslookup c.lab.vkd | grep -c 10.77.0.12") == "1"

    def test_hosts_that_are_parted_find_each_other_again(self, fleet: Fleet) -> None:
        fleet.cut("h1", "h2")
        try:
            wait_for("report of the loss", lambda: not fleet.peers("h1")["h2"]["up"])
            assert not fleet.pings("h1", "b")
            # The third host has both, and does not carry what the two have for each other.
            for host in ("h1", "h2"):
                wait_for("traffic with the third", partial(fleet.pings, host, "c"))
        finally:
            fleet.heal("h1", "h2")
        begin = time.monotonic()
        wait_for("traffic", partial(fleet.pings, "h1", "b"))
        assert fleet.ssh("h1", "ssh -y b hostname") == "b"
        print(f"traffic after {time.monotonic() - begin:.1f} s")

    def test_a_host_that_is_killed_comes_back_and_the_others_do_not_care(self, fleet: Fleet) -> None:
        assert fleet.ssh("h1", "ssh -y b hostname") == "b"
        command = fleet.words("h1", "vkd", "ssh", "a", "--", "ping -c 60 -i 0.2 -W 10 c")
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as other:
            fleet.kill("h2")
            wait_for("report of the loss", lambda: not fleet.peers("h1")["h2"]["up"])
            assert not fleet.pings("h1", "b")
            assert fleet.ssh("h3", "ssh -y a hostname") == "a"
            fleet.start()
            said, _ = other.communicate(timeout=60)
        assert "60 packets transmitted, 60 packets received" in said
        wait_for("traffic", partial(fleet.pings, "h1", "b"))
        # Without -y: the guest has the host key that it had.
        assert fleet.ssh("h1", "ssh b hostname") == "b"
        assert fleet.ssh("h2", "ssh -y c hostname") == "c"
