"""Tables of a full run, kept with the code: shown, marked as such, beside those of a smaller profile.

`reports/reference/PROFILE/` holds the summary tables of every notebook of one report as `NAME.json`, and in
`about.json` what they are of: cohort, profile, command, commit and date.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import nbformat

from sacd.exceptions import SacdError
from sacd.paths import ROOT
from sacd.report.folder import MANIFEST, NOTEBOOKS
from sacd.report.html import summaries

FOLDER = ROOT / "reports" / "reference"
ABOUT = "about.json"


@dataclass(frozen=True)
class Reference:
    """The tables of one notebook of a report that is kept.

    Attributes
    ----------
    profile, label, command, commit, date : str
        Of the report; `label` is its cohort's.
    tables : tuple of str
        HTML.
    """

    profile: str
    label: str
    command: str
    commit: str
    date: str
    tables: tuple[str, ...] = ()


def keep(report: Path, command: str, commit: str, folder: Path = FOLDER) -> Path:
    """Keep the summary tables of a finished report; those that its profile had before go.

    Parameters
    ----------
    report : Path
        Its folder.
    command : str
        What made it.
    commit : str
        Of the code that made it.
    folder : Path
        Where references lie.

    Returns
    -------
    Path
        The profile's folder.

    Raises
    ------
    SacdError
        No report lies there.
    """
    try:
        manifest = json.loads((report / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise SacdError(f"{report}: holds no report; make it with sacd report") from None
    about = Reference(
        manifest["profile"], manifest["cohort"]["label"], command, commit, datetime.now().date().isoformat()
    )
    out = folder / about.profile
    out.mkdir(parents=True, exist_ok=True)
    for file in out.glob("*.json"):
        file.unlink()
    _write(out / ABOUT, {name: value for name, value in asdict(about).items() if name != "tables"})
    for name, entry in manifest["entries"].items():
        notebook = report / NOTEBOOKS / f"{name}.ipynb"
        if entry["status"] == "done" and (tables := summaries(nbformat.read(notebook, as_version=4))):
            _write(out / f"{name}.json", tables)
    return out


def references(name: str, but: str, folder: Path = FOLDER) -> Sequence[Reference]:
    """What is kept of a notebook by other profiles than `but`, in order of profile."""
    found = []
    for about in sorted(folder.glob(f"*/{ABOUT}")):
        tables = about.with_name(f"{name}.json")
        if about.parent.name != but and tables.exists():
            found.append(Reference(**_read(about), tables=tuple(_read(tables))))
    return found


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(file: Path) -> dict | list:
    return json.loads(file.read_text(encoding="utf-8"))
