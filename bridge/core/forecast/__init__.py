"""Upper bounds for the coming peak of a load, calibrated on the service's own past errors. Pure; numpy."""

from bridge.core.forecast.forecaster import Forecaster
from bridge.core.forecast.policy import NEAR, ForecastPolicy
from bridge.core.forecast.values import HORIZONS, STEP, Forecast, Method, PeakBound, SeriesForecast

__all__ = [
    "HORIZONS",
    "NEAR",
    "STEP",
    "Forecast",
    "ForecastPolicy",
    "Forecaster",
    "Method",
    "PeakBound",
    "SeriesForecast",
]
