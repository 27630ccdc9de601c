"""Where the files are that travel with the code: migrations, and the configuration's examples and templates.

An installed wheel carries them inside the package; a checkout has them at the repository's root.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def path(name: str) -> Path:
    """Return where *name* (``migrations``, ``config/nodemanager-pod.yaml``) is, whether or not it exists."""
    inside = _PACKAGE / "_packaged"
    return (inside if inside.is_dir() else _PACKAGE.parent) / name
