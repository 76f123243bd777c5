"""Parquet tables that would take far more memory than disk."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysearch.errors import InputError
from raysearch.parquet import read_parquet
from raysearch.schemas import read_table, write_table

ROWS = 40_000_000


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
    # Texts that differ, so that no dictionary holds each once.
    texts = pa.table({"a": [f"{k}" + "x" * 8 * 2**20 for k in range(4)]})
    with pq.ParquetWriter(path, texts.schema, compression="zstd", use_dictionary=False) as file:
        for _ in range(12):
            file.write_table(texts)
    belittled(path)
    assert path.stat().st_size < 2**20
    del texts
    with pytest.raises(InputError, match=r"tells of \d{9}; put back") as told:
        read_table(path, 1)
    # It ends with the group that is too much.
    assert int(str(told.value).split("tells of ")[1].split(";")[0]) < 2**28 + 2**25 + 2**20


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
