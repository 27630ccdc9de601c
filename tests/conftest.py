"""Settings of all tests: no example fails for being slow; a failure in CI is found again by its printed seed."""

from hypothesis import settings

settings.register_profile("tidebridge", deadline=None, print_blob=True)
settings.load_profile("tidebridge")
