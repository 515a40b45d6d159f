"""Tables that a laboratory writes beside its files, as editors and spreadsheets save them.

Cells are separated by tabs, semicolons or commas, whichever the first line holds most of; text is in any encoding of
`sacd.ingest.text_file`. Blanks around a cell count for nothing, and an empty one is ``n/a``.
"""

import csv
import io
from pathlib import Path

import pandas as pd

from sacd.cohort.format import checked_table
from sacd.exceptions import SacdError, reading
from sacd.ingest.text_file import read_text

_REMEDY = "save it as text, its columns separated by tabs"


def read_source_table(file: Path, required: tuple[str, ...], numeric: tuple[str, ...]) -> pd.DataFrame:
    """Read such a table, its columns' names in small letters.

    Parameters
    ----------
    file : Path
    required, numeric : tuple of str
        As of `sacd.cohort.format.read_tsv`; of the latter those that are there. Decimal commas are read where commas
        do not separate.

    Raises
    ------
    SacdError
        No such table, a column is missing, or a cell holds no number where one must be.
    """
    text = read_text(file, _REMEDY)
    mark = max("\t;,", key=text.partition("\n")[0].count)
    with reading(file, _REMEDY, "not a table"):
        rows = csv.reader(io.StringIO(text), delimiter=mark)
        lines = [(rows.line_num, [cell.strip() for cell in row]) for row in rows if any(map(str.strip, row))]
    if not lines:
        raise SacdError(f"{file}: empty; write a line with the names of its columns, and a line for each row")
    columns = [name.lower() for name in lines[0][1]]
    for number, row in lines[1:]:
        if any(row[len(columns) :]):
            between = {"\t": "tabs"}.get(mark, f"{mark!r}")
            raise SacdError(
                f"{file}: line {number} has more cells, separated by {between}, than the first line; correct it"
            )
    content = [[cell or "n/a" for cell in (row + [""] * len(columns))[: len(columns)]] for _, row in lines[1:]]
    table = pd.DataFrame(content, columns=columns, dtype=str)
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise SacdError(f"{file}: two columns are called {twice[0]!r}; keep one")
    if mark != ",":
        for name in (name for name in numeric if name in table):
            table[name] = table[name].str.replace(",", ".")
    return checked_table(table, file, required, tuple(name for name in numeric if name in table))
