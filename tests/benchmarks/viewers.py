"""Reads the events of a live page as so many browsers would, and does nothing with them.

Run: python tests/benchmarks/viewers.py URL NUMBER
"""

from __future__ import annotations

import asyncio
import sys


async def watch(url: str, viewers: int) -> None:
    """Say when all look, then read until the page ends."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    readers = []
    for _ in range(viewers):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        readers.append(reader)
    print("all look", flush=True)
    await asyncio.gather(*(_read(reader) for reader in readers))


async def _read(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], int(sys.argv[2])))
