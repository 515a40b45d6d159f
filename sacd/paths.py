"""Where things lie: the repository, and what a relative path in a notebook is counted from."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The repository: it holds ``notebooks``, ``data`` and ``reports``."""


def locate(path: str | Path) -> Path:
    """The file or folder that a notebook's parameter names.

    A relative path is counted from the repository, and where nothing is there from the working directory: it means the
    same in JupyterLab, whose notebooks work in their own folder, and for papermill, wherever that is called. A bare
    word, such as a profile's name, stays as it is.
    """
    path = Path(path)
    if path.is_absolute() or len(path.parts) < 2 and not path.suffix:
        return path
    tried = [ROOT / path, Path.cwd() / path]
    return next((place for place in tried if place.exists()), tried[0])
