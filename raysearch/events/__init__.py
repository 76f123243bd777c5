"""Events and their readers."""

from raysearch.events.base import Events, concatenate
from raysearch.events.columns import write_columns
from raysearch.events.identity import shared_rows
from raysearch.events.reading import read_events

__all__ = ["Events", "concatenate", "read_events", "shared_rows", "write_columns"]
