"""The main job: one search through the Python interface; `--help` lists its settings.

On this machine:      python jobs/search.py
On a Ray cluster:     raysearch submit search --address URL --out DIR
"""

from raysearch.cli import main

if __name__ == "__main__":
    main(["search"])
