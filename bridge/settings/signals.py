"""Where the online services' load is read, and when such a signal is trusted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator, model_validator

from bridge.core.load import SignalPolicy
from bridge.settings.kinds import Ratio, Seconds, Text, WholeSeconds, refusal
from bridge.settings.section import Around, Section


class Trust(Section):
    """When a signal is trusted, and what becomes of what is lent when it isn't."""

    frozen_after_s: Seconds = 120.0
    """Age of the newest sample, in seconds, from which on nothing more is lent. Longer than a few of the signal's own
    steps; it has no off, because a load that nobody sees may be any."""
    shrink_after_s: Seconds = 600.0
    """Age from which on what is lent goes back, step by step. Long enough for somebody to mend the signal."""
    shrink_every_s: Seconds = 300.0
    """Seconds between two steps."""
    shrink_ratio: Ratio = 0.25
    """The part of what was lent that each step takes: never all at once. 0 switches shrinking off."""
    confirm_s: WholeSeconds = 120
    """Seconds that a lower reading must last, in two samples at least, before it makes room. 0: two samples suffice."""
    confirm_zero_s: WholeSeconds = 900
    """The same for zero, which a service that is there doesn't use: it is mostly a metric that has broken."""
    jump_ratio: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.125
    """The part of the lenders' CPU that a single high sample takes; the next one confirms the rest. 1 believes each."""

    @model_validator(mode="after")
    def _check_order(self) -> Trust:
        if self.shrink_after_s < self.frozen_after_s:
            raise refusal(
                f"shrinks after {self.shrink_after_s:g} s and freezes after {self.frozen_after_s:g} s",
                "set shrink_after_s to frozen_after_s or more",
            )
        return self

    @property
    def policy(self) -> SignalPolicy:
        """The same in the core's words."""
        return SignalPolicy(
            frozen_after=timedelta(seconds=self.frozen_after_s),
            shrink_after=timedelta(seconds=self.shrink_after_s),
            shrink_every=timedelta(seconds=self.shrink_every_s),
            shrink_ratio=self.shrink_ratio,
            confirm=timedelta(seconds=self.confirm_s),
            confirm_zero=timedelta(seconds=self.confirm_zero_s),
            jump_ratio=self.jump_ratio,
        )


class PrometheusSignal(Trust):
    """Any query to a Prometheus."""

    kind: Literal["prometheus"]
    url: Text
    """Its base address, such as http://prometheus:9090."""
    query: Text
    """Any PromQL expression of the CPU that online pods use on the lenders; what elastic pods use must be left out, or
    told by own_query."""
    unit: Literal["cores", "ratio"] = "cores"
    """What the query counts: cores, or a ratio (0 to 1) of what the lenders can allocate."""
    node_label: Text | None = None
    """The label that names the lender, such as node or instance (a port is cut off). null, the default: the sum of all
    values is that of all lenders together, and counts as spread evenly over them."""
    own_query: Text | None = None
    """What elastic pods use, in the same form, to be subtracted. null, the default: the query leaves them out."""
    lookback_s: Seconds = 60.0
    """How old a sample may be that the query uses; a few scrapes. Older ones are as if there were none. Servers that
    don't know lookback_delta (2.42 doesn't) need their flag --query.lookback-delta instead."""
    timeout_s: Seconds = 10.0
    """Seconds until an answer must be there; without one the tick goes on."""
    bearer_token_file: Path | None = None
    """A file with the token to send, read anew each time. null, the default: none is sent."""
    ca_file: Path | None = None
    """The certificate authority of an https address. null, the default: those of the system."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise refusal("isn't an address", "write http://HOST:PORT, with a path before /api/v1 if it has one")
        return url

    @field_validator("bearer_token_file", "ca_file")
    @classmethod
    def _check_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is None:
            return None
        file = Around.of(info).file(path)
        if not file.is_file():
            raise refusal(f"there is no file {file}", "correct the path (it counts from the settings file)")
        return file


class MetricsSignal(Trust):
    """The metrics API of Kubernetes (metrics.k8s.io): what each node uses, less its elastic pods."""

    kind: Literal["metrics"]


class RecordedSignal(Trust):
    """A recorded series, for trials: a CSV file with timestamp_s and load."""

    kind: Literal["recorded"]
    file: Path
    """The series; its load is a ratio of all lenders' CPU."""
    starts_at: AwareDatetime | None = None
    """When its first step begins, with an offset: 2026-03-02T00:00:00Z. null, the default: its own timestamps."""

    @field_validator("file")
    @classmethod
    def _check_file(cls, path: Path, info: ValidationInfo) -> Path:
        file = Around.of(info).file(path)
        if not file.is_file():
            raise refusal(f"there is no file {file}", "correct the path (it counts from the settings file)")
        return file

    @property
    def start(self) -> datetime | None:
        """When it begins; None for its own time."""
        return self.starts_at


Signal = Annotated[PrometheusSignal | MetricsSignal | RecordedSignal, Field(discriminator="kind")]
