"""A file is written as a whole: whoever reads finds what was there or what came in its place, never a part."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path beside a file, of the same suffix: what is written there takes the file's place when the block ends.

    An error in the block leaves the file as it was, and nothing beside it.
    """
    aside = file.with_name(f".{file.name}-{os.getpid()}{file.suffix}")
    try:
        yield aside
        os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)
