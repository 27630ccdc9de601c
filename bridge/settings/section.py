"""What every part of the settings file has in common: how it is read, and what it may refer to outside itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationInfo

from bridge.settings.kinds import refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a setting is checked against besides itself."""

    directory: Path
    """The file's: relative paths count from there."""
    clusters: frozenset[str] = frozenset()
    notice_by_pool: Mapping[str, timedelta | None] = field(default_factory=dict)
    """Every pool's name, and how long its forced step takes to free the room; None where the pool is wrong itself."""
    signal_names: frozenset[str] = frozenset()
    window_names: tuple[str, ...] = ()
    tenant_names: tuple[str, ...] = ()
    tick_s: float = 10.0
    """Between two ticks; the default where the setting is wrong itself."""

    @classmethod
    def of(cls, info: ValidationInfo) -> Around:
        """Take it from the validation that is under way."""
        if not isinstance(info.context, Around):
            raise TypeError("settings are read by bridge.settings.load or parse")
        return info.context

    def file(self, written: str | Path) -> Path:
        """Return the absolute path of what the file calls *written*."""
        try:
            return self.directory / Path(written).expanduser()
        except RuntimeError as error:
            raise refusal("begins with the home of an unknown user", "write the directory out") from error


class Section(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


def sections(above: type[Section] = Section) -> Iterator[type[Section]]:
    """Yield every kind of part that the file may have."""
    for section in above.__subclasses__():
        yield section
        yield from sections(section)


def choice(known: Mapping[str, object] | frozenset[str], otherwise: str) -> str:
    """Say which names there are."""
    return f"use {' or '.join(sorted(known))}, or {otherwise}" if known else otherwise
