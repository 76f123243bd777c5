"""Parquet tables that would take far more memory than disk."""

import subprocess
import sys
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysearch import parquet_pages
from raysearch.errors import InputError
from raysearch.parquet import read_parquet
from raysearch.parquet_pages import unpacked_size
from raysearch.schemas import read_table, write_table

ROWS = 40_000_000
# Texts that differ, so that no dictionary holds each once.
PLAIN = {"compression": "zstd", "use_dictionary": False}


def repeated(path, column, times):
    """A table whose groups of rows are all this column."""
    table = pa.table({"a": column})
    with pq.ParquetWriter(path, table.schema, compression="zstd") as file:
        for _ in range(times):
            file.write_table(table)
    return path


def test_many_rows_of_one_value_are_refused(tmp_path):
    path = repeated(tmp_path / "a.parquet", pa.repeat(pa.scalar(1.0), ROWS // 10), 10)
    assert path.stat().st_size < 2**20
    before = pa.total_allocated_bytes()
    with pytest.raises(InputError, match=r"must take no more than 268435456.* tells of 320000000;"):
        read_table(path, 1)
    assert pa.total_allocated_bytes() == before


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_a_long_text_in_many_rows_is_refused_before_it_stands_there(kind, tmp_path):
    texts = pa.array(["x" * 200_000], kind)
    indices = pa.repeat(pa.scalar(0, pa.int32()), 2000)
    column = pa.DictionaryArray.from_arrays(indices, texts)
    path = tmp_path / "a.parquet"
    table = pa.Table.from_arrays([column], ["a"])
    pq.write_table(table, path, store_schema=False, compression="zstd")
    assert path.stat().st_size < 2**16
    with pytest.raises(InputError, match=r"tells of 400\d{6}; put back"):
        read_table(path, 1)


def test_a_text_in_many_rows_is_refused_whatever_its_column_is_said_to_be(tmp_path):
    texts = pa.array(["x" * 200_000])
    column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 2000), texts)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": column}), path, compression="zstd")
    assert pa.types.is_dictionary(pq.read_schema(path).field("a").type)
    with pytest.raises(InputError, match=r"tells of 400\d{6}; put back"):
        read_table(path, 1)


OTHERS = {
    "json": pa.array(['"x"'], pa.json_(pa.string())),
    "view": pa.array(["x"], pa.string_view()),
    "wide": pa.array([b"x" * 200_000], pa.binary(200_000)),
    "when": pa.array([1], pa.timestamp("s")),
}


@pytest.mark.parametrize("column", OTHERS.values(), ids=OTHERS)
def test_no_other_kind_of_column_is_read(column, tmp_path):
    path = repeated(tmp_path / "a.parquet", column, 1)
    with pytest.raises(InputError, match=r"column 'a' holds .*, no numbers or texts"):
        read_table(path, 1)


def varint(number):
    """As Thrift writes it, zigzag."""
    number, found = 2 * number, bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def belittled(path):
    """All sizes that the footer tells of what is unpacked become 1, in as many bytes."""
    about, raw = pq.read_metadata(path), path.read_bytes()
    groups = [about.row_group(k) for k in range(about.num_row_groups)]
    sizes = {g.total_byte_size for g in groups}
    for size in sizes | {g.column(0).total_uncompressed_size for g in groups}:
        was = varint(size)
        assert raw.count(was) >= about.num_row_groups
        raw = raw.replace(was, bytes([0x82, *[0x80] * (len(was) - 2), 0]))
    path.write_bytes(raw)
    assert pq.read_metadata(path).row_group(0).total_byte_size == 1


def test_a_footer_that_tells_of_too_little_changes_nothing(tmp_path):
    path = tmp_path / "a.parquet"
    texts = pa.table({"a": [f"{k}" + "x" * 8 * 2**20 for k in range(4)]})
    with pq.ParquetWriter(path, texts.schema, **PLAIN) as file:
        for _ in range(12):
            file.write_table(texts)
    belittled(path)
    assert path.stat().st_size < 2**20
    del texts
    before = pa.total_allocated_bytes()
    with pytest.raises(InputError, match=r"tells of 402\d{6}; put back"):
        read_table(path, 1)
    assert pa.total_allocated_bytes() == before


PEAK = """
import re, sys
from pathlib import Path
from raysearch.parquet import read_parquet
def peak():
    told = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(told[1]) // 1024
before = peak()
try:
    read_parquet(Path(sys.argv[1]))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
def test_long_texts_of_one_group_that_its_footer_belittles_take_no_memory(tmp_path):
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, pa.schema([("a", pa.string())]), **PLAIN) as file:
        texts = [f"{k}" + "x" * 400_000 for k in range(1500)]
        file.write_table(pa.table({"a": texts}))
    del texts
    belittled(path)
    assert path.stat().st_size < 2**18
    told = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True)
    said, took_mib = told.stdout.splitlines()
    assert said.startswith(f"InputError: {path} must take no more than 268435456 bytes")
    assert int(took_mib) < 100


def test_what_pages_unpack_to_is_what_an_honest_footer_tells(tmp_path):
    numbers = {f"{k}": [float(k * row) for row in range(40_000)] for k in range(3)}
    table = pa.table({**numbers, "text": [f"{row % 7}" for row in range(40_000)]})
    for of in ({}, PLAIN, {"data_page_version": "2.0", "compression": "none"}):
        pq.write_table(table, tmp_path / "a.parquet", row_group_size=30_000, **of)
        about = pq.read_metadata(tmp_path / "a.parquet")
        groups = [about.row_group(k).total_byte_size for k in range(about.num_row_groups)]
        # They count the headers of the pages in.
        found = unpacked_size(tmp_path / "a.parquet", about)
        assert 0.99 * sum(groups) < found < sum(groups)


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (b"\x15\x00\x00", "has no size"),  # its kind, and nothing else
        (b"\x25\x03\x15\x02\x00", "has no size"),  # -2 bytes
        (b"\x25" + b"\x80" * 10 + b"\x00", "too many bytes"),
        (b"\x25\x02\x15\x02\x3b\x00", "of no kind"),
        (b"\x1c" * 40, "structures within structures"),
        (b"\x25\x80", "ends amid a value"),
        (b"\x28\xff\xff\xff\xff\x0f", "ends amid a value"),  # a text of 4 GiB
        (b"\x29\xf5\xff\xff\xff\xff\x0f", "more values than bytes"),  # as many numbers
        (b"\x29\xf7" + b"\xff" * 9 + b"\x7f" + b"." * 99, "more values than bytes"),  # 2^70
        (b"\x29\x27" + b"." * 15, "ends amid a value"),  # two numbers of 8 bytes
    ],
)
def test_a_header_that_is_none_is_said_to_be(header, rule, tmp_path):
    (tmp_path / "a").write_bytes(header)
    with pytest.raises(ValueError, match=rule):
        unpacked_size(tmp_path / "a", footer(1, len(header)))


def footer(columns, size):
    column = SimpleNamespace(dictionary_page_offset=None, data_page_offset=0, num_values=1)
    column.total_compressed_size = size
    group = SimpleNamespace(column=lambda place: column)
    return SimpleNamespace(num_row_groups=1, num_columns=columns, row_group=lambda number: group)


def test_pages_that_several_columns_share_are_refused(tmp_path):
    page = b"\x25\x02\x15\x02\x00."  # of a byte, that unpacks to one
    (tmp_path / "a").write_bytes(page)
    assert unpacked_size(tmp_path / "a", footer(1, len(page))) == 1
    with pytest.raises(ValueError, match="more bytes than it has"):
        unpacked_size(tmp_path / "a", footer(2, len(page)))


def test_a_header_without_end_is_read_no_further_than_arrow_does(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_pages, "_MOST_BYTES", 8)
    page = b"\x25\x02\x15\x02\x18\x00\x00."  # with a text of no bytes
    (tmp_path / "a").write_bytes(page)
    assert unpacked_size(tmp_path / "a", footer(1, len(page))) == 1
    page = b"\x25\x02\x15\x02\x18\x02..\x00."
    (tmp_path / "a").write_bytes(page)
    with pytest.raises(ValueError, match="not within 16 MiB"):
        unpacked_size(tmp_path / "a", footer(1, len(page)))


def test_a_column_has_no_more_pages_than_values_and_a_dictionary(tmp_path):
    empty = b"\x25\x00\x15\x00\x00"
    (tmp_path / "a").write_bytes(empty * 3)
    assert unpacked_size(tmp_path / "a", footer(1, 2 * len(empty))) == 0
    with pytest.raises(ValueError, match="more pages than values"):
        unpacked_size(tmp_path / "a", footer(1, 3 * len(empty)))


def test_a_column_of_lists_is_no_column_of_a_study(tmp_path):
    path = repeated(tmp_path / "a.parquet", pa.array([[1, 2]]), 1)
    with pytest.raises(InputError, match="more than one value a row"):
        read_table(path, 1)


def test_a_table_of_every_kind_of_column_is_read_as_it_was_written(tmp_path):
    columns = {
        "number": pa.array([1.5, None, 2.5]),
        "config.text": pa.array(["a", None, "b" * 100]),
        "large": pa.array(["a", "a", None], pa.large_string()),
        "bytes": pa.array([b"a", b"", None]),
        "yes": pa.array([True, None, False]),
        "none": pa.nulls(3),
        "whole": pa.array([1, 2, 3], pa.int32()),
        "choice": pa.array(["a", "b", "a"]).dictionary_encode(),
    }
    table = pa.table(columns, metadata={"of": "somebody"})
    write_table(tmp_path / "a.parquet", table, 1)
    found = read_parquet(tmp_path / "a.parquet")
    assert found.equals(table)
    assert found.schema.equals(pq.read_schema(tmp_path / "a.parquet"), check_metadata=True)
    write_table(tmp_path / "empty.parquet", table.slice(0, 0), 1)
    assert read_parquet(tmp_path / "empty.parquet").equals(table.slice(0, 0))
