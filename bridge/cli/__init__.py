"""The command line: data to stdout, words to stderr; exit 0 done, 1 refused by the world, 2 bad input."""

from bridge.cli.main import main

__all__ = ["main"]
