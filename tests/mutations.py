"""Broken files: what damages a file on its way, what people and programs write into one, and what is meant to harm."""

import copy
import io
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from hypothesis import strategies as st

VALUES = (None, True, "false", "x", "", "../x", -1, 0, 1.5, math.nan, math.inf, 3e12, 10**30, [], [1], {}, {"a": 1})
LEFT_OUT = object()
TIMES = ("0001-01-01T00:00:00", "9999-12-31T23:59:59", "2024-03-01T22:30:00+23:59", "2024-02-30", "24:00:00")
PATHS = ("../x", "../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "C:\\x", "~", "x" * 300, "P1\n", "$HOME", "con")
CELLS = ("", "n/a", "nan", "inf", "-1", "1e400", "3e12", "x", '"', "\0", "a\tb", "é" * 80, "=1+1", *TIMES, *PATHS)
FIELDS = (b"", b"nan", b"inf", b"-inf", b"-1", b"0", b"1", b"3e12", b"1e-9", b"99999999", b"x", b"\xff\xfe", b"\0")
NUMBERS = (math.nan, math.inf, -math.inf, -1.0, 0.5, 3e12, 1e300)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from _places(child, (*path, key))


def other_json(content: bytes) -> st.SearchStrategy[tuple[str, bytes]]:
    """A value of another type or left out, a file of nested lists, or one in another encoding."""
    whole = json.loads(content)

    def other(change: tuple[tuple[Any, ...], Any]) -> tuple[str, bytes]:
        path, value = (0, *change[0]), change[1]
        changed: Any = [copy.deepcopy(whole)]
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        if value is LEFT_OUT:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        return f"{change}", json.dumps(changed[0] if changed else None).encode()

    whole_files = (("deep", b"[" * 100_000), ("deep", b'{"a":' * 100_000), ("latin-1", b'{"Name": "caf\xe9"}'))
    places = st.tuples(st.sampled_from(list(_places(whole))), st.sampled_from((*VALUES, LEFT_OUT)))
    return st.one_of(*[places.map(other)] * 9, st.sampled_from(whole_files))


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
        others = {"text": table[name].astype(str), "lists": pd.Series([[1]] * len(table))}
        if pd.api.types.is_numeric_dtype(table[name]):
            others |= {str(value): table[name].astype(float).where(table.index > 0, value) for value in NUMBERS}
            others |= {kind: table[name].astype(kind) for kind in ("bool", "int8", "float32")}
            others |= {"date": pd.to_datetime(table[name])}
            others |= {"missing": table[name].round().astype("Int64").where(table.index > 0)}
        for kind, column in others.items():
            yield f"{name} {kind}", table.assign(**{name: column}).to_parquet(index=False)
        yield f"no {name}", table.drop(columns=name).to_parquet(index=False)
    yield "no rows", table.iloc[:0].to_parquet(index=False)


def other_array(array: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """A .npy file with other types, shapes or numbers, or with another header."""
    kinds = {kind: array.astype(kind) for kind in ("int64", "float16", "float64", "complex64", "str", "bool")}
    shapes = {"flat": array.ravel(), "none": array[:0], "number": array.ravel()[0], "short": array[:-1]}
    seventh = np.arange(array.size).reshape(array.shape) == 7
    special = {str(value): np.where(seventh, value, array.astype(float)) for value in NUMBERS}
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


def other_members(file: Path) -> Iterator[tuple[str, bytes]]:
    """A .npz file in which one array is another."""
    arrays = dict(np.load(file))
    for name, array in arrays.items():
        for what, content in other_array(array):
            whole = io.BytesIO()
            with zipfile.ZipFile(whole, "w") as members:
                for member in arrays:
                    members.writestr(f"{member}.npy", content if member == name else saved(arrays[member]))
            yield f"{name} {what}", whole.getvalue()


def other_xml(content: bytes) -> Iterator[tuple[str, bytes]]:
    """An XML file with another text or attribute, elements within elements, or entities that grow or read files."""
    text = content.decode()
    head, body = text.split("\n", 1)
    pieces = [piece for piece in body.replace(">", "<").split("<") if piece.strip()]
    for piece in dict.fromkeys(pieces):
        for cell in (*CELLS, "<", "&", "&amp;", "]]>"):
            yield f"{piece[:20]!r} = {cell!r}", text.replace(f">{piece}<", f">{cell}<", 1).encode()
    yield "deep", (head + "<a>" * 200_000).encode()
    grown = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    for what, entities in (("laughs", f'<!ENTITY e0 "ha">{grown}'), ("file", '<!ENTITY e11 SYSTEM "file:///etc/passwd">')):
        told = f"{head}<!DOCTYPE a [{entities}]>"
        yield what, (told + body.replace(">0<", ">&e11;<").replace(">30<", ">&e11;<")).encode()
    yield "other encoding", text.replace("UTF-8", "UTF-16").encode()


def structured(file: Path) -> st.SearchStrategy[tuple[str, bytes]]:
    """What else a file of its kind may hold."""
    content = file.read_bytes()
    match file.suffix:
        case ".json":
            return other_json(content)
        case ".yaml":
            return other_json(json.dumps(yaml.safe_load(content)).encode())
        case ".tsv" | ".csv" | ".txt" | ".out":
            found = other_cells(content, "," if file.suffix == ".csv" else "\t")
        case ".parquet":
            found = other_columns(file)
        case ".npy":
            found = other_array(np.load(file))
        case ".npz":
            found = other_members(file)
        case ".edf" | ".bdf":
            found = other_fields(content)
        case ".xml":
            found = other_xml(content)
        case ".mp4" | ".safetensors" | ".fif":
            found = other_sizes(content)
        case _:
            return st.nothing()
    return st.sampled_from(list(found))


def other_sizes(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file with absurd numbers where its head, or what follows the name of a box, says how long something is."""
    places = [0] + [at for name in (b"moov", b"mdat", b"stts", b"stsz", b"stco", b"stsc", b"stsd", b"tkhd", b"mvhd")
                    for at in [content.find(name)] if at > 0]  # fmt: skip
    for place in places:
        for at in (place - 4, *range(place, place + 32, 4)):
            for value in (b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"):
                if at >= 0:
                    yield f"bytes {at} = {value!r}", content[:at] + value + content[at + 4 :]


class Mutation(NamedTuple):
    """Another content of a file; `zeros` bytes follow it, as a hole."""

    what: str
    content: bytes
    zeros: int = 0

    def write(self, file: Path) -> None:
        """Write it."""
        file.write_bytes(self.content)
        if self.zeros:
            with open(file, "r+b") as stream:
                stream.truncate(len(self.content) + self.zeros)


MAGIC = (
    b"\x7fELF", b"%PDF-1.7\n", b"PK\x03\x04", b"\x1f\x8b\x08", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"MZ", b"<html>",
    b"{", b"SQLite format 3\0", b"0       ", b"\xffBIOSEMI", b"RIFF\xff\xff\xff\xffAVI ", b"\x1aE\xdf\xa3", b"\0",
)
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp500", "utf-7")


def mutations(file: Path) -> st.SearchStrategy[Mutation]:
    """Changed versions of a file: cut, with other bits or bytes, in other encodings, in kinds of its own, of zeros.

    Parameters
    ----------
    file : Path
        A sound one; half of what is damaged lies in its first 600 bytes.
    """
    content, own = file.read_bytes(), structured(file)
    size = max(len(content), 1)
    place = st.one_of(st.integers(0, min(size, 600) - 1), st.integers(0, size - 1))

    def bits(flips: list[tuple[int, int]]) -> Mutation:
        changed = bytearray(content or b"\0")
        for at, bit in flips:
            changed[at] ^= 1 << bit
        return Mutation(f"bits {flips}", bytes(changed))

    kinds = {
        "cut": place.map(lambda at: Mutation(f"cut at {at}", content[:at])),
        "bits": st.lists(st.tuples(place, st.integers(0, 7)), min_size=1, max_size=8).map(bits),
        "bytes": st.tuples(place, st.integers(0, 64), st.binary(max_size=64)).map(
            lambda x: Mutation(f"bytes {x}", content[: x[0]] + x[2] + content[x[0] + x[1] :])
        ),
        "magic": st.sampled_from(MAGIC).map(lambda head: Mutation(f"head {head!r}", head + content[len(head) :])),
        "zeros": st.tuples(place, st.sampled_from((1, 4096, 1 << 20, 1 << 24))).map(
            lambda x: Mutation(f"{x[1]} zeros from {x[0]}", content[: x[0]], x[1])
        ),
    }
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if text:
        encoded = st.sampled_from(ENCODINGS).map(lambda name: Mutation(name, text.encode(name)))
        latin = place.map(lambda at: Mutation(f"latin-1 at {at}", (text[:at] + "é" + text[at:]).encode("latin-1")))
        ends = st.sampled_from(("\r", "\r\n", "\n\n", "\0", "\x85")).map(
            lambda end: Mutation(f"line ends {end!r}", text.replace("\n", end).encode())
        )
        kinds["encodings"] = st.one_of(encoded, latin, ends)
    if not own.is_empty:
        kinds["own"] = kinds["own again"] = own.map(lambda pair: Mutation(*pair))
    return st.one_of(*kinds.values())
