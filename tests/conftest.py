"""What all tests share."""

from hypothesis import settings

# A shared machine may stand still for longer than any deadline on one example; tests are bounded as a whole.
settings.register_profile("vkd", deadline=None)
settings.load_profile("vkd")
