"""Broken files, the same at every run: what damages a file on its way, and what people and programs write into one."""

import copy
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

VALUES = (None, True, "false", "x", "", -1, 0, 1.5, math.nan, math.inf, 3e12, 10**30, [], [1], {}, {"a": 1})
CELLS = ("", "n/a", "nan", "inf", "-1", "1e400", "3e12", "x", '"', "\0", "a\tb", "é" * 80, "../x")
FIELDS = (b"", b"nan", b"inf", b"-inf", b"-1", b"0", b"3e12", b"99999999", b"x", b"\xff\xfe", b"\0")
NUMBERS = (math.nan, math.inf, -math.inf, -1.0, 0.5, 3e12, 1e300)


def damaged(content: bytes, rng: np.random.Generator, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` times: cut off, with flipped bytes (the head above all), with bytes left out, or with others within."""
    yield "empty", b""
    for number in range(count - 1):
        changed = bytearray(content)
        reach = len(content) if number % 2 else min(len(content), 600)
        at = int(rng.integers(reach))
        match number % 5:
            case 0:
                del changed[at:]
            case 1 | 2:
                for place in rng.integers(reach, size=int(rng.integers(1, 6))):
                    changed[place] = int(rng.integers(256))
            case 3:
                del changed[at : at + int(rng.integers(1, 64))]
            case 4:
                changed[at:at] = rng.bytes(int(rng.integers(1, 64)))
        yield f"damage {number}", bytes(changed)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from _places(child, (*path, key))


def other_json(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Every value of every other type, left out, or deeply nested."""
    whole = json.loads(content)
    yield "deep", b"[" * 100_000
    yield "bom", b"\xef\xbb\xbf" + content
    yield "latin-1", b'{"Name": "caf\xe9"}'
    for path in _places(whole):
        for value in VALUES:
            changed = [copy.deepcopy(whole)]
            inner: Any = changed
            for key in (0, *path)[:-1]:
                inner = inner[key]
            inner[(0, *path)[-1]] = value
            yield f"{path} = {value!r}", json.dumps(changed[0]).encode()
        if path and isinstance(path[-1], str):
            changed = copy.deepcopy(whole)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
            yield f"{path} left out", json.dumps(changed).encode()


def other_cells(content: bytes, separator: str = "\t") -> Iterator[tuple[str, bytes]]:
    """A table with one other cell, header included; without a column; with a line twice."""
    rows = [line.split(separator) for line in content.decode().splitlines()]
    for i, row in enumerate(rows[:2]):
        for j in range(len(row)):
            for cell in CELLS:
                changed = copy.deepcopy(rows)
                changed[i][j] = cell
                yield f"cell {i},{j} = {cell!r}", "\n".join(map(separator.join, changed)).encode()
    for j in range(len(rows[0])):
        yield f"no column {j}", "\n".join(separator.join(row[:j] + row[j + 1 :]) for row in rows).encode()
    yield "twice", content + content.splitlines(keepends=True)[-1]


def other_columns(file: Path) -> Iterator[tuple[str, bytes]]:
    """A parquet table with special numbers or other types in a column, or without one."""
    table = pd.read_parquet(file)
    for name in table.columns:
        others = {str(value): table[name].astype(float).where(table.index > 0, value) for value in NUMBERS}
        others |= {kind: table[name].astype(kind) for kind in ("str", "bool", "int8", "float32")}
        others |= {"date": pd.to_datetime(table[name]), "lists": pd.Series([[1]] * len(table))}
        others |= {"missing": table[name].astype("Int64").where(table.index > 0)}
        for kind, column in others.items():
            yield f"{name} {kind}", table.assign(**{name: column}).to_parquet(index=False)
        yield f"no {name}", table.drop(columns=name).to_parquet(index=False)
    yield "no rows", table.iloc[:0].to_parquet(index=False)


def other_array(array: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """A .npy file with other types, shapes or numbers, or with another header."""
    kinds = {kind: array.astype(kind) for kind in ("int64", "float16", "float64", "complex64", "str", "bool")}
    shapes = {"flat": array.ravel(), "none": array[:0], "number": array.ravel()[0], "short": array[:-1]}
    special = {str(value): np.where(np.arange(array.size).reshape(array.shape) == 7, value, array) for value in NUMBERS}
    for kind, other in (kinds | shapes | special).items():
        yield kind, saved(other)
    content = saved(array)
    told = "{{'descr': {}, 'fortran_order': False, 'shape': {}}}"
    kinds_and_shapes = (
        ("'|O'", "(2,)"), ("'z'", "(2,)"), ("''", "()"), ("[]", "(2,)"), ("'<f4'", "(-2,)"), ("'<f4'", "2"),
        ("'<f4'", "(1e9,)"), ("'<f4'", f"({10**15},)"), ("1", "(2,)"), ("'<f4'", "(2,"),
    )  # fmt: skip
    headers = (told.format(*pair) for pair in kinds_and_shapes)
    for header in ("{", "0", "None", "[" * 60, "{'descr': 1}", "x" * 99, "\0" * 9, *headers):
        yield f"header {header[:40]}", content[:8] + len(header).to_bytes(2, "little") + header.encode() + content[128:]


def saved(array: np.ndarray) -> bytes:
    """The content of a .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def other_fields(content: bytes) -> Iterator[tuple[str, bytes]]:
    """An EDF with one other field in its header."""
    count = int(content[252:256])
    edges = np.cumsum([0, 8, 80, 80, 8, 8, 8, 44, 8, 8, 4])
    fields = list(zip(edges[:-1], edges[1:], strict=True))
    begin = 256
    for width in (16, 80, 8, 8, 8, 8, 8, 80, 8, 32):
        fields += [(begin, begin + width), (begin + width * (count - 1), begin + width * count)]
        begin += width * count
    for first, last in fields:
        for value in FIELDS:
            field = value[: last - first].ljust(last - first)
            yield f"bytes {first} = {value!r}", content[:first] + field + content[last:]
