"""Tidebridge: lends the idle part of a Kubernetes fleet to Hadoop YARN, and gives it back in time."""
