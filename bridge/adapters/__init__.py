"""The real systems, the calendar and the clock, behind the ports."""
