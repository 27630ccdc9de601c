"""Measures how long a tick takes, and how much memory, on clusters of 5,000 nodes: `python -m benchmarks`.

Figures, never tests: how fast a machine is says nothing about whether the code is right.
"""
