"""`python -m raysearch` is the command line."""

from raysearch.cli import main

main()
