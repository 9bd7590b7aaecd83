from __future__ import annotations

import pytest

from vkd.errors import ConfigError, HostLacksError, ImageError, NotFoundError, TimeoutExpired, VkdError


@pytest.mark.parametrize(
    ("error", "code"),
    [(VkdError, 1), (ConfigError, 2), (NotFoundError, 3), (TimeoutExpired, 4), (HostLacksError, 5), (ImageError, 1)],
)
def test_exit_codes(error: type[VkdError], code: int) -> None:
    raised = error("what", hint="do")
    assert (raised.exit_code, str(raised), raised.hint) == (code, "what", "do")


def test_named_offers_the_nearest() -> None:
    assert NotFoundError.named("guest", "wbe", ["db", "web"]).hint == "did you mean 'web'?"
    assert NotFoundError.named("guest", "zzz", ["db", "web"]).hint == "there are: db, web"
    assert NotFoundError.named("guest", "zzz", []).hint == "there is no guest yet"
