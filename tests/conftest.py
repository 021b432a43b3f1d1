"""Property tests draw the same examples every time, so that a red run can be repeated."""

from hypothesis import settings

settings.register_profile("same_every_time", derandomize=True, deadline=None)
settings.load_profile("same_every_time")
