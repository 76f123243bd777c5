"""The scan over signal strengths and background modes; `--help` lists its settings.

On this machine:      python jobs/scan_signal.py EVENTS
On a Ray cluster:     raysearch submit scan EVENTS --address URL --out DIR --yes
"""

from raysearch.cli import main

if __name__ == "__main__":
    main(["scan"])
