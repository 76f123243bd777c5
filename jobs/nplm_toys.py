"""The two-sample test with its toys over a cluster; `--help` lists its settings.

On this machine:      python jobs/nplm_toys.py DATA REFERENCE
On a Ray cluster:     raysearch submit nplm DATA REFERENCE --address URL --out DIR
"""

from raysearch.cli import main

if __name__ == "__main__":
    main(["nplm"])
