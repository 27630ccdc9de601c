"""Tests of the controller, on small fakes of its ports."""
