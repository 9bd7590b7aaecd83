"""Runs rows on peers in rounds: each row on all peers before the next row, so that the host's noise hits all alike."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.figure import Figure
from bench.goals import goals
from bench.peers import COMMANDS
from bench.peers.protocol import Answer
from bench.peers.session import Session
from bench.peers.workload import PeerError, Workload

#: Peers that run the same binary, and therefore compute the same.
TWINS = {"ours": "qemu", "uml": "native"}
#: By how much a machine's clock may be off the host's: in proportion, and seconds for the way of a command.
CLOCK_RATE, CLOCK_SLACK = 0.1, 1.0


@dataclass(frozen=True)
class Sample:
    """A value of a row, and what the program computed: equal work (`turns`) gives an equal `check`."""

    value: float
    turns: int = 0
    check: str = ""


@dataclass(frozen=True)
class Row:
    """A command for the agent, and how to read its value from the answer (raises PeerError where there is none)."""

    name: str
    title: str
    command: str
    read: Callable[[Answer], Sample]
    unit: str = "s"
    higher_is_better: bool = False
    limit: float = 120.0  # seconds


@dataclass
class Results:
    """What came out of a row: for each peer the samples of the rounds, or the last reason why there is none."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, list[float]]:
        """Return the values of the rounds of each peer."""
        return {peer: [sample.value for sample in samples] for peer, samples in self.samples.items()}

    def compare(self) -> None:
        """Strike a peer's samples when it computed something else than its twin for equal work."""
        for peer, twin in TWINS.items():
            theirs = {sample.turns: sample.check for sample in self.samples.get(twin, [])}
            for sample in self.samples.get(peer, []):
                if sample.check != theirs.get(sample.turns, sample.check):
                    self.problems[peer] = f"wrong: computed {sample.check}, {twin} {theirs[sample.turns]}"
                    del self.samples[peer]
                    break


def run(
    rows: Sequence[Row], workload: Workload, peers: Iterable[str], rounds: int
) -> tuple[dict[str, Results], Results]:
    """Return the results of each row, and the seconds from a peer's start to its first program."""
    results = {row.name: Results() for row in rows}
    boots = Results()
    commands = _commands(workload, peers, boots)
    for turn in range(rounds):
        with _Round(commands, boots) as machines:
            for at, row in enumerate(rows):
                order = list(commands)
                shift = (turn + at) % max(1, len(order))
                for peer in order[shift:] + order[:shift]:
                    machines.run(row, peer, results[row.name])
                _say(turn, row, results[row.name])
    for result in results.values():
        result.compare()
        for peer, problem in boots.problems.items():
            if peer not in result.samples:
                result.problems.setdefault(peer, problem)
    return results, boots


def figure(row: Row, results: Results) -> Figure:
    """Return the figure of a row."""
    better = row.higher_is_better
    return Figure(row.name, row.unit, results.values(), goals(row.name), better, row.title, results.problems)


def _commands(workload: Workload, peers: Iterable[str], boots: Results) -> dict[str, list[str]]:
    commands = {}
    for peer in peers:
        try:
            commands[peer] = COMMANDS[peer](workload)
        except PeerError as error:
            boots.problems[peer] = str(error)
    return commands


class _Round:
    """The peers' sessions of one round; one that fails is started anew for the next row."""

    def __init__(self, commands: Mapping[str, list[str]], boots: Results) -> None:
        self._commands = commands
        self._boots = boots
        self._sessions: dict[str, Session] = {}

    def __enter__(self) -> "_Round":
        return self

    def __exit__(self, *_: object) -> None:
        while self._sessions:
            self._sessions.popitem()[1].close()

    def run(self, row: Row, peer: str, results: Results) -> None:
        """Add a sample of `row`, or note why there is none."""
        try:
            if peer not in self._sessions:
                self._sessions[peer] = Session(self._commands[peer])
                self._boots.samples.setdefault(peer, []).append(Sample(self._sessions[peer].boot))
            answer, wall = self._sessions[peer].run(row.command, row.limit)
        except PeerError as error:
            results.problems[peer] = str(error)
            if peer in self._sessions:
                self._sessions.pop(peer).close()
            return
        try:
            check_clock(answer, wall)
            results.samples.setdefault(peer, []).append(row.read(answer))
        except PeerError as error:
            results.problems[peer] = str(error)


def check_clock(answer: Answer, wall: float) -> None:
    """Raise PeerError when the machine's own time for a command is not the host's: its figures would be false."""
    if not math.isclose(answer.seconds, wall, rel_tol=CLOCK_RATE, abs_tol=CLOCK_SLACK):
        raise PeerError(f"its clock is wrong: {answer.seconds:.2f} s for what took {wall:.2f} s")


def _say(turn: int, row: Row, results: Results) -> None:
    last = {peer: f"{samples[-1].value:.3g}" for peer, samples in results.samples.items()}
    said = "  ".join(f"{peer} {last.get(peer, '-')}" for peer in (*last, *results.problems.keys() - last.keys()))
    print(f"  round {turn + 1}: {row.name}: {said}", file=sys.stderr, flush=True)
    for peer, problem in results.problems.items():
        if peer not in last:
            print(f"    {peer}: {problem}", file=sys.stderr, flush=True)
