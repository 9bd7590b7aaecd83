"""Impairments of a port as text: what `vether netem` takes, and what the file's `netem` keys say.

A setting that is not named keeps its value. Shares are percent (`1%`) or between 0 and 1; `SHARE,CORRELATION` says as
well how much a packet's lot is that of the packet before. Times have units (`20ms`), rates are bits a second
(`10Mbit`), sizes bytes (`64KiB`).
"""

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from vether.errors import SpecError

Direction = Literal["in", "out"]
DIRECTIONS: tuple[Direction, Direction] = ("in", "out")

#: A share and a correlation, both 0 to 1.
Chance = tuple[float, float]

_TIMES = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9, "tbit": 10**12}
_SIZES = {"": 1, "b": 1, "k": 2**10, "kib": 2**10, "kb": 10**3, "m": 2**20, "mib": 2**20, "mb": 10**6}
_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\Z")


#: Settings by name, as text or numbers.
Settings = dict[str, str | int | float | bool]


class NetemSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a port suffers from, seen from the switch: `in` is what the port's peer sends."""

    incoming: Settings = msgspec.field(name="in", default_factory=dict)
    outgoing: Settings = msgspec.field(name="out", default_factory=dict)

    def check(self, where: str) -> None:
        """Raise `SpecError`, which names `where`, for settings that cannot be."""
        for direction, settings in (("in", self.incoming), ("out", self.outgoing)):
            try:
                patch_untrusted(Netem(), settings)
            except SpecError as error:
                text = error.message.removeprefix("netem: ")
                raise SpecError(f"{where}.{direction}: {text}", hint=error.hint) from None


class Netem(msgspec.Struct, frozen=True, kw_only=True):
    """What one direction of a port suffers from. The default is nothing."""

    seed: int = 0
    loss: Chance = (0.0, 0.0)
    #: Gilbert-Elliott: p (good to bad), r (bad to good), 1-h (loss in the bad state), 1-k (loss in the good one).
    gemodel: tuple[float, float, float, float] | None = None
    #: Seconds.
    delay: float = 0.0
    jitter: float = 0.0
    distribution: str = "uniform"
    delay_correlation: float = 0.0
    ordered: bool = False
    duplicate: Chance = (0.0, 0.0)
    corrupt: Chance = (0.0, 0.0)
    reorder: Chance = (0.0, 0.0)
    #: Bits in a second; 0 is no limit.
    rate: int = 0
    #: Bytes that may leave at once after a pause, and that may wait.
    burst: int = 0
    queue: int = 150_000

    def settings(self, port: str, direction: str) -> dict[str, Any]:
        """Return what the native switch takes. Each port and direction has random numbers of its own from one seed."""
        values: dict[str, Any] = msgspec.structs.asdict(self)
        text = f"{self.seed}/{port}/{direction}"
        values["seed"] = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
        return values


def patch_untrusted(netem: Netem, settings: Mapping[str, object]) -> Netem:
    """Return `netem` with `settings` changed, in the words of the module's text. Raises `SpecError`."""
    from vkd._native import check_netem  # noqa: PLC0415 - the command line starts faster without

    values: dict[str, Any] = msgspec.structs.asdict(netem)
    for key, value in settings.items():
        reader = _READERS.get(key)
        if reader is None:
            raise SpecError(f"netem: no setting {key!r}", hint=f"there are: {', '.join(_READERS)}")
        text = str(value).strip().lower() if isinstance(value, str | int | float) else None
        if text is None:
            raise SpecError(f"netem: {key}: neither text nor a number")
        try:
            values.update(reader(text, netem))
        except (ValueError, OverflowError) as error:
            raise SpecError(f"netem: {key}: {error}", hint=f"for example {key}={_EXAMPLES[key]}") from None
    result = Netem(**values)
    try:
        check_netem(result.settings("", ""))
    except (ValueError, OverflowError) as error:
        raise SpecError(f"netem: {error}") from None
    return result


def describe(netem: Netem) -> dict[str, str]:
    """Return the settings that are not the default, in the words of :func:`patch_untrusted`."""
    result = {}
    for key in _READERS:
        value, default = getattr(netem, key), getattr(_DEFAULT, key)
        if value != default or (key == "delay" and netem.delay_correlation):
            result[key] = _WRITERS[key](netem)
    return result


def parse_words(words: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Split `KEY=VALUE` words. Raises `SpecError`."""
    settings = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise SpecError(f"{word!r} is not a setting", hint=f"KEY=VALUE, like loss=1%; keys: {', '.join(_READERS)}")
        settings[key] = value
    return settings


def _share(text: str) -> float:
    number, percent = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        value = float(number) / percent
    except ValueError:
        raise ValueError(f"{text!r} is not a share") from None
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not between 0% and 100%")
    return value


def _chance(key: str) -> Callable[[str, Netem], dict[str, Any]]:
    def read(text: str, old: Netem) -> dict[str, Any]:
        share, comma, correlation = text.partition(",")
        return {key: (_share(share), _share(correlation) if comma else getattr(old, key)[1])}

    return read


def _gemodel(text: str, _old: Netem) -> dict[str, Any]:
    if text in {"none", "off", "0"}:
        return {"gemodel": None}
    shares = [_share(part) for part in text.split(",")]
    if len(shares) > 4:
        raise ValueError("at most four shares: p,r,1-h,1-k")
    p, r, loss_bad, loss_good = (shares + [1 - shares[0], 1.0, 0.0][len(shares) - 1 :])[:4]
    return {"gemodel": (p, r, loss_bad, loss_good)}


def _unit(text: str, units: dict[str, float] | dict[str, int], what: str) -> float:
    match = _NUMBER.match(text)
    if match is None or (match[2] not in units and float(match[1]) != 0):
        raise ValueError(f"{text!r} is not {what} (units: {', '.join(unit for unit in units if unit)})")
    return float(match[1]) * units.get(match[2], 1)


def _whole(value: float) -> int:
    if value > 2**40:
        raise ValueError(f"{value:g} is too much")
    return round(value)


def _time(text: str) -> float:
    return round(_unit(text, _TIMES, "a time"), 12)


def _delay(text: str, _old: Netem) -> dict[str, Any]:
    times, comma, correlation = text.partition(",")
    mean, _, jitter = times.replace("±", "+-").partition("+-")
    values: dict[str, Any] = {"delay": _time(mean)}
    if jitter:
        values["jitter"] = _time(jitter)
    if comma:
        values["delay_correlation"] = _share(correlation)
    return values


def _distribution(text: str, _old: Netem) -> dict[str, Any]:
    if text not in {"uniform", "normal", "pareto"}:
        raise ValueError(f"{text!r} is none of uniform, normal, pareto")
    return {"distribution": text}


def _ordered(text: str, _old: Netem) -> dict[str, Any]:
    values = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text not in values:
        raise ValueError(f"{text!r} is neither yes nor no")
    return {"ordered": values[text]}


def _rate(text: str, _old: Netem) -> dict[str, Any]:
    text = text.removesuffix("/s").removesuffix("ps")
    return {"rate": 0 if text in {"none", "off"} else _whole(_unit(text, _RATES, "a rate"))}


def _seed(text: str, _old: Netem) -> dict[str, Any]:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise ValueError(f"{text!r} is not a number from 0 to 2^63-1")
    return {"seed": int(text)}


_READERS: dict[str, Callable[[str, Netem], dict[str, Any]]] = {
    "seed": _seed,
    "loss": _chance("loss"),
    "gemodel": _gemodel,
    "delay": _delay,
    "jitter": lambda text, _: {"jitter": _time(text)},
    "distribution": _distribution,
    "ordered": _ordered,
    "duplicate": _chance("duplicate"),
    "corrupt": _chance("corrupt"),
    "reorder": _chance("reorder"),
    "rate": _rate,
    "burst": lambda text, _: {"burst": _whole(_unit(text, _SIZES, "a size"))},
    "queue": lambda text, _: {"queue": _whole(_unit(text, _SIZES, "a size"))},
}

_EXAMPLES = {
    "seed": "7",
    "loss": "1% or 1%,25%",
    "gemodel": "1%,10%,70%,0.1% or none",
    "delay": "20ms or 20ms+-5ms,25%",
    "jitter": "5ms",
    "distribution": "normal",
    "ordered": "yes",
    "duplicate": "1%",
    "corrupt": "0.1%",
    "reorder": "25%,50%",
    "rate": "10Mbit or none",
    "burst": "16KiB",
    "queue": "64KiB",
}

_DEFAULT = Netem()


def _percent(share: float) -> str:
    return f"{share * 100:.10g}%"


def _chance_text(chance: Chance) -> str:
    return _percent(chance[0]) + (f",{_percent(chance[1])}" if chance[1] else "")


def _time_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.10g}{unit}"
    return f"{seconds * 1e9:.10g}ns"


def _delay_text(netem: Netem) -> str:
    return _time_text(netem.delay) + (f",{_percent(netem.delay_correlation)}" if netem.delay_correlation else "")


def _rate_text(rate: int) -> str:
    for unit, size in (("Gbit", 10**9), ("Mbit", 10**6), ("kbit", 10**3)):
        if rate % size == 0 and rate:
            return f"{rate // size}{unit}"
    return f"{rate}bit"


_WRITERS: dict[str, Callable[[Netem], str]] = {
    "seed": lambda n: str(n.seed),
    "loss": lambda n: _chance_text(n.loss),
    "gemodel": lambda n: "none" if n.gemodel is None else ",".join(map(_percent, n.gemodel)),
    "delay": _delay_text,
    "jitter": lambda n: _time_text(n.jitter),
    "distribution": lambda n: n.distribution,
    "ordered": lambda n: "yes" if n.ordered else "no",
    "duplicate": lambda n: _chance_text(n.duplicate),
    "corrupt": lambda n: _chance_text(n.corrupt),
    "reorder": lambda n: _chance_text(n.reorder),
    "rate": lambda n: _rate_text(n.rate),
    "burst": lambda n: str(n.burst),
    "queue": lambda n: str(n.queue),
}
