"""Tests of Tidebridge."""
