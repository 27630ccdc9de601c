"""Settings of all tests: no example fails for being slow, and every run tries the same ones.

A change is judged by what it changes. To look for examples that nobody has tried: TIDEBRIDGE_SEEK=1 make test; what it
finds is printed with the words that try it again.
"""

import os

from hypothesis import settings

settings.register_profile("tidebridge", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("seek", deadline=None, print_blob=True)
settings.load_profile("seek" if "TIDEBRIDGE_SEEK" in os.environ else "tidebridge")
