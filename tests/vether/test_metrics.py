"""The page of metrics of a real daemon: what it says, and clients that are slow, rude or many."""

import contextlib
import http.client
import itertools
import os
import socket
import time
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.vether.lab import EVERYBODY, PATIENCE, Lab, frame, mac, ports, until
from vether import keys
from vether.control import ControlError
from vkd._native import drop_reasons

PORT = 9870
_NUMBERS = itertools.count(1)

Labels = frozenset[tuple[str, str]]


@pytest.fixture
def host() -> str:
    """Return a loopback address that no other test has."""
    pid, number = os.getpid(), next(_NUMBERS)
    return f"127.{pid >> 8 & 127 | 128}.{pid & 255}.{number}"


def get(host: str, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, PORT, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def scrape(host: str) -> dict[tuple[str, Labels], float]:
    status, text = get(host)
    assert status == 200
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for f in families for sample in f.samples}


def value(host: str, name: str, **labels: str) -> float | None:
    network = {} if name.startswith("process_") else {"network": "lan"}
    return scrape(host).get((name, frozenset({**network, **labels}.items())))


@contextlib.contextmanager
def connection(host: str) -> Iterator[socket.socket]:
    with socket.create_connection((host, PORT), PATIENCE) as client:
        yield client


def rest(client: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := client.recv(65536):
            data += more
    return data


def test_ports_are_counted_as_show_stats_does(lab: Lab, host: str) -> None:
    lab.start(ports("a", "b", "c", metrics=f"{host}:{PORT}", stp={}, lldp={}))
    a, b = lab.connect("a"), lab.connect("b")
    until("spanning tree", lambda: lab.port("a")["state"] == lab.port("b")["state"] == "forwarding")
    for _ in range(5):
        a.send(frame(EVERYBODY, mac(1)))
        while b.receive() != frame(EVERYBODY, mac(1)):
            pass
    a.send(frame(EVERYBODY, b"\xff" * 6))
    until("count", lambda: value(host, "vether_port_dropped_frames_total", port="a", reason="bad-source") == 1)
    found, stats = scrape(host), lab.call("show", what="stats")["ports"]["a"]

    def of(name: str, **labels: str) -> float:
        return found[name, frozenset({"network": "lan", **labels}.items())]

    assert of("vether_port_receive_frames_total", port="a") == stats["rx_frames"] == 6
    assert of("vether_port_receive_bytes_total", port="a") == stats["rx_bytes"]
    assert of("vether_port_flooded_frames_total", port="a") == stats["flooded"] == 5
    assert of("vether_port_transmit_frames_total", port="b") >= 5
    reasons = {dict(labels)["reason"] for name, labels in found if name == "vether_port_dropped_frames_total"}
    assert reasons == {name for name, _ in drop_reasons()}
    assert [of("vether_port_carrier", port=port) for port in "abc"] == [1, 1, 0]
    assert of("vether_port_info", port="a", kind="guest") == 1
    assert of("vether_port_addresses", port="a") == of("vether_fdb_addresses") == 1
    states = [of("vether_port_state", port="a", state=state) for state in ("discarding", "learning", "forwarding")]
    assert states == [0, 0, 1]
    assert of("vether_stp_is_root") == of("vether_stp_port_role", port="a", role="designated") == 1
    assert of("vether_stp_port_state", port="c", state="discarding") == 1
    assert of("vether_lldp_neighbours") == 0
    process = {name for name, _ in found if name.startswith("process_")}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= process


def test_impairments_and_peers_are_there(lab: Lab, host: str) -> None:
    public = keys.encode(keys.public(keys.generate(lab.folder / "other")))
    keys.generate(lab.folder / "key")
    tunnel = {"key": str(lab.folder / "key"), "listen": f"{host}:5870"}
    peers = [{"name": "far", "public_key": public, "endpoint": "127.0.0.1:9"}]
    lab.start(ports("a", metrics=f"{host}:{PORT}", tunnel=tunnel, peers=peers))
    lab.call("netem", port="a", direction="in", set={"loss": "100%"})
    lab.connect("a").send(frame(EVERYBODY, mac(1)))
    until("loss", lambda: value(host, "vether_netem_lost_packets_total", port="a", direction="in") == 1)
    assert value(host, "vether_peer_up", peer="far") == value(host, "vether_peer_handshakes_total", peer="far") == 0
    assert value(host, "vether_peer_rtt_seconds", peer="far") is None
    assert value(host, "vether_peer_mtu_bytes", peer="far") == 1232
    assert value(host, "vether_tunnel_dropped_total", reason="bad-mac") == 0


def test_what_is_not_there_is_said(lab: Lab, host: str) -> None:
    lab.start(ports("a", metrics=f"{host}:{PORT}"))
    assert get(host, "/") == (404, "there is /metrics here, and nothing else\n")
    assert get(host, method="POST")[0] == 405
    assert get(host, method="HEAD") == (200, "")
    assert get(host, "/metrics?x=1")[0] == 200


def test_the_address_changes_while_it_runs(lab: Lab, host: str) -> None:
    lab.start(ports("a"))
    other = f"{host}:{PORT + 1}"
    where = f"metrics: added: http://{host}:{PORT}/metrics"
    assert lab.call("apply", spec=ports("a", metrics=f"{host}:{PORT}"))["changed"] == [where]
    assert lab.call("show", what="spec")["metrics"] == f"{host}:{PORT}"
    assert value(host, "vether_port_carrier", port="a") == 0
    changed = lab.call("apply", spec=ports("a", metrics=other))["changed"]
    assert changed == [f"metrics: changed: http://{other}/metrics"]
    with pytest.raises(ConnectionRefusedError):
        get(host)
    assert lab.call("apply", spec=ports("a"))["changed"] == ["metrics: removed"]
    assert lab.call("apply", spec=ports("a", metrics=f"{host}:{PORT}"))["changed"] == [where]
    assert get(host)[0] == 200
    assert lab.end() == 0


def test_an_address_that_cannot_be_had_changes_nothing(lab: Lab, host: str) -> None:
    with socket.create_server((host, PORT)):
        first = lab.spawn(ports("a", metrics=f"{host}:{PORT}"))
        _, errors = first.communicate(timeout=PATIENCE)
        assert first.returncode == 1
        assert f"cannot serve metrics at {host}:{PORT}: Address already in use" in errors.decode()
        assert "take another port" in errors.decode()
        lab.start(ports("a", metrics=f"{host}:{PORT + 1}"))
        with pytest.raises(ControlError, match="Address already in use"):
            lab.call("apply", spec=ports("b", metrics=f"{host}:{PORT}"))
    assert [port["name"] for port in lab.call("show", what="ports")] == ["a"]
    assert lab.call("show", what="spec")["metrics"] == f"{host}:{PORT + 1}"
    with socket.create_connection((host, PORT + 1), PATIENCE):
        pass
    with pytest.raises(ControlError, match="Cannot assign requested address"):
        lab.call("apply", spec=ports("a", metrics="192.0.2.77:9870"))


def test_all_addresses_take_the_place_of_one_with_the_same_port(lab: Lab, host: str) -> None:
    # At one address of this test's own, as all tests have: another port of all addresses could be somebody's.
    with socket.create_server((host, 0)) as probe:
        port = probe.getsockname()[1]
    lab.start(ports("a", metrics=f"{host}:{port}"))
    for address in (f"0.0.0.0:{port}", f"{host}:{port}"):
        changed = lab.call("apply", spec=ports("a", metrics=address))["changed"]
        assert changed == [f"metrics: changed: http://{address}/metrics"]
        with socket.create_connection((host, port), PATIENCE):
            pass
    with socket.create_server((f"127.0.0.{os.getpid() % 200 + 20}", port)):
        with pytest.raises(ControlError, match="Address already in use"):
            lab.call("apply", spec=ports("a", metrics=f"0.0.0.0:{port}"))
        with socket.create_connection((host, port), PATIENCE):
            pass
    assert lab.call("show", what="spec")["metrics"] == f"{host}:{port}"


@pytest.mark.parametrize(
    "address", ["9870", "localhost:9870", "127.0.0.1", "127.0.0.1:0", "::1:9870", "127.0.0.1:70000"]
)
def test_wrong_addresses_exit_2(lab: Lab, address: str) -> None:
    file = lab.folder / "spec.toml"
    file.write_text(f'name = "lan"\ngateway = false\nmetrics = "{address}"\n')
    result = lab.command("serve", str(file), "--dir", str(lab.dir))
    assert (result.returncode, "metrics: " in result.stderr) == (2, True), result.stderr
    file.write_text('name = "lan"\ngateway = false\n')
    result = lab.command("serve", str(file), "--dir", str(lab.dir), "--metrics", address)
    assert (result.returncode, "--metrics: " in result.stderr) == (2, True), result.stderr


def test_the_option_holds_where_the_specification_says_nothing(lab: Lab, host: str) -> None:
    lab.options = ["--metrics", f"{host}:{PORT}"]
    lab.start(ports("a"))
    assert get(host)[0] == 200
    lab.call("apply", spec=ports("a", "b"))
    until("port", lambda: value(host, "vether_port_carrier", port="b") == 0)
    lab.call("apply", spec=ports("a", metrics=f"{host}:{PORT + 1}"))
    with pytest.raises(ConnectionRefusedError):
        get(host)
    lab.call("apply", spec=ports("a"))
    assert get(host)[0] == 200


def test_odd_bytes_are_answered_or_ended(lab: Lab, host: str) -> None:
    lab.start(ports("a", metrics=f"{host}:{PORT}"))
    for data, code in (
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000, b"431"),
    ):
        with connection(host) as client:
            client.sendall(data)
            assert rest(client).startswith(b"HTTP/1.1 " + code), data
    for data in (b"", b"GET /metr", os.urandom(100).replace(b"\n", b"")):
        with connection(host) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert rest(client) == b""
    assert get(host)[0] == 200


def test_slow_and_rude_clients_hold_nobody_up(lab: Lab, host: str) -> None:
    lab.start(ports(*(f"p{i}" for i in range(60)), metrics=f"{host}:{PORT}"))
    with contextlib.ExitStack() as stack:
        # More than there may be: they say nothing, half a request, or do not read the answer.
        clients = [stack.enter_context(connection(host)) for _ in range(60)]
        for i, client in enumerate(clients):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            with contextlib.suppress(OSError):
                client.sendall([b"", b"GET /metrics", b"GET /metrics HTTP/1.0\r\n\r\n"][i % 3])
        for _ in range(5):
            assert get(host)[0] == 200
        assert lab.call("ping")["name"] == "lan"
        # All are ended in a while, whatever they do.
        end = time.monotonic() + 30
        for client in clients:
            client.settimeout(max(end - time.monotonic(), 0.1))
            rest(client)
    assert get(host)[0] == 200
    assert "Traceback" not in (lab.dir / "log").read_text()
    fds = value(host, "process_open_fds")
    assert fds is not None
    assert fds < 300


def test_many_requests_are_answered_with_one_look(lab: Lab, host: str) -> None:
    lab.start(ports("a", metrics=f"{host}:{PORT}"))
    began = time.monotonic()
    pages = [get(host)[1] for _ in range(20)]
    # A page is good for a second.
    assert len(set(pages)) <= 2 + int(time.monotonic() - began)
