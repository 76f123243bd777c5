"""Studies in an object store: a copy on this machine that is published there as it grows.

An object store has neither locks nor files that grow, and a database cannot be written in it. So a
study runs in a directory of this machine, and what it holds goes up every few seconds and at its
end, as snapshots that are each whole.
"""

from raysearch.remote.uri import check_local, name_of, uri_of

__all__ = ["check_local", "name_of", "uri_of"]
