"""A report's folder: written aside, swapped in when whole, and read again for what can be kept."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from plotly.offline import get_plotlyjs

from sacd.cohort import Cohort
from sacd.exceptions import SacdError, first_line
from sacd.progress import duration
from sacd.report import html
from sacd.report.notebook import versions
from sacd.report.parameters import parameters

MANIFEST = "report.json"
NOTEBOOKS = "notebooks"
MOST_FINDINGS = 10
"""Lines that the index opens with."""


@dataclass
class Entry:
    """One notebook in the report, as the manifest keeps it.

    Attributes
    ----------
    status, reason : str
        done, failed or not applicable; one line where it is not done.
    key : str
        Hash of what its results depend on; empty where it was not executed.
    seconds : float or None
        Wall time of its execution, s.
    executed : str
        When, where it was kept from an earlier report.
    """

    name: str
    title: str
    status: str
    reason: str = ""
    key: str = ""
    seconds: float | None = None
    executed: str = ""
    kept: bool = False
    runs: int = 0
    failed_runs: list[str] = field(default_factory=list)


def _about(cohort: Cohort) -> dict[str, Any]:
    """What a manifest says of the cohort; what its networks see stands there where that is not EEG and video."""
    sees = {who: said for who, said in cohort.info.provenance.items() if who in ("teacher", "student")}
    return ({"sees": sees} if sees else {}) | {
        "label": cohort.label, "simulated": cohort.info.simulated, "participants": len(cohort.participants),
        "recordings": len(cohort), "clips": int(cohort.recordings.clips.sum()),
    }


def reports_of(cohort: Cohort, place: Path) -> list[Path]:
    """The reports on a cohort in a folder of reports, or that folder itself, and the reports on nights of it."""
    found = []
    for file in sorted([*place.glob(MANIFEST), *place.glob(f"*/{MANIFEST}")]):
        with suppress(OSError, ValueError, KeyError, TypeError):  # whose report that is, nobody can tell
            if json.loads(file.read_text(encoding="utf-8"))["cohort"] == _about(cohort):
                found.append(file.parent)
    nights = [file for file in sorted(place.glob("nights/*.*")) if file.stem in set(cohort.recordings["recording_id"])]
    return found + nights


class Folder:
    """Where a report lies; refuses a folder that holds something else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = path.with_name(f".{path.name}.new")
        self._old = path.with_name(f".{path.name}.old")
        if not path.exists() and self._old.exists():  # a swap was cut short between its two renames
            self._old.rename(path)
        if path.exists() and not path.is_dir():
            raise SacdError(f"{path}: is a file; name another folder with --out")
        if path.exists() and any(path.iterdir()) and not (path / MANIFEST).exists():
            raise SacdError(f"{path}: exists and is not a report; name another folder with --out")

    @cached_property
    def _entries(self) -> dict[str, dict[str, Any]]:
        try:
            return json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))["entries"]
        except (OSError, json.JSONDecodeError, KeyError):
            return {}

    def kept(self, name: str, key: str, asked_for: bool = True) -> Entry | None:
        """The previous report's entry of a notebook, if it has this key, did not fail, and is still there.

        One that was not applicable is no reason to leave out a notebook that is asked for: what it looked for may have
        been provided since, and its key does not know.
        """
        entry = self._entries.get(name)
        if entry is None or entry["key"] != key or entry["status"] == "failed":
            return None
        if asked_for and entry["status"] != "done":
            return None
        return Entry(**entry | {"kept": True}) if (self.path / NOTEBOOKS / f"{name}.ipynb").exists() else None

    def seconds(self, name: str) -> float | None:
        """How long a notebook took last time, s."""
        return self._entries.get(name, {}).get("seconds")

    @contextmanager
    def aside(self) -> Iterator["Draft"]:
        """A new report beside the present one, which stays until the new one is published.

        Raises
        ------
        SacdError
            The disk is full or not writable.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self._new, ignore_errors=True)
            draft = Draft(self._new, self.path)
            try:
                yield draft
                if draft.published:
                    self._swap()
            finally:
                shutil.rmtree(self._new, ignore_errors=True)
        except OSError as error:
            reason = error.strerror or first_line(error)
            raise SacdError(f"{self.path}: not written ({reason}); the previous report is untouched") from None

    def _swap(self) -> None:
        shutil.rmtree(self._old, ignore_errors=True)
        if self.path.exists():
            self.path.rename(self._old)
        self._new.rename(self.path)
        shutil.rmtree(self._old, ignore_errors=True)


class Draft:
    """A report being written."""

    def __init__(self, path: Path, previous: Path) -> None:
        self._path, self._previous = path, previous
        self.notebooks = path / NOTEBOOKS
        self.notebooks.mkdir(parents=True)
        self.published = False

    def publish(
        self, entries: list[Entry], cohort: Cohort, profile: str, trained: pd.DataFrame,
        references: Mapping[str, list[dict[str, Any]]],
    ) -> None:
        """Write the pages and the manifest.

        Parameters
        ----------
        entries : list of Entry
        cohort : Cohort
        profile : str
            The profile's name.
        trained : DataFrame
            From `sacd.runs.ensure`: run_id, status, and `seconds` where trained.
        references : mapping
            Notebook → tables of other profiles that stand beside it (`sacd.report.reference.Reference` as dict).
        """
        about = _about(cohort)
        for entry in entries:
            if entry.kept:
                shutil.copyfile(self._previous / NOTEBOOKS / f"{entry.name}.ipynb", self._notebook(entry))
        contents = [
            {"title": entry.title, "page": f"{entry.name}.html"} for entry in entries if self._notebook(entry).exists()
        ]
        cards = [
            asdict(entry) | self._write_page(entry, about, contents, beside) | {"references": beside}
            for entry in entries for beside in [references.get(entry.name, [])]
        ]
        found = [{"text": text, "card": card} for card in cards for text in card["findings"]]
        seconds = sum(entry.seconds or 0 for entry in entries if not entry.kept)
        counts = pd.Series([entry.status for entry in entries], dtype=object).value_counts()
        parts = [f"{count} {status}" for status, count in counts.items()]
        summary = f"Notebooks: {', '.join(parts)}; executing took {duration(seconds)} in all"
        table = trained.reindex(columns=["run_id", "status", "seconds"]).astype(object)
        page = html.render(
            "index.html", entries=cards, found=found[:MOST_FINDINGS], cohort=about, profile=profile, summary=summary,
            versions=versions(),
            written=datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
            runs=table.where(table.notna(), None).to_dict("records"),
        )
        self._write("index.html", page)
        manifest = {"cohort": about, "profile": profile, "entries": {entry.name: asdict(entry) for entry in entries}}
        self._write(MANIFEST, json.dumps(manifest, indent=1))
        self.published = True

    def _write(self, name: str, text: str) -> None:
        (self._path / name).write_text(text, encoding="utf-8")

    def _notebook(self, entry: Entry) -> Path:
        return self.notebooks / f"{entry.name}.ipynb"

    def _write_page(
        self, entry: Entry, about: dict[str, Any], contents: list[dict[str, str]], references: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """A notebook's page and thumbnail; what its card in the index needs of them."""
        file = self._notebook(entry)
        if not file.exists():
            return {"page": None, "thumbnail": None, "summaries": [], "findings": []}
        content = nbformat.read(file, as_version=4)
        plotly = html.uses_plotly(content)
        if plotly and not (self._path / "plotly.min.js").exists():
            self._write("plotly.min.js", get_plotlyjs())
        page, cells = f"{entry.name}.html", html.cells(content)
        self._write(page, html.render(
            "notebook.html", entry=asdict(entry), cohort=about, cells=cells, plotly=plotly, page=page,
            players=html.player_head(content), references=references, contents=contents,
            headings=html.headings(cells), parameters=parameters(content),
        ))
        picture = html.thumbnail(content)
        if picture is not None:
            (self._path / f"{entry.name}.png").write_bytes(picture)
        return {
            "page": page, "thumbnail": f"{entry.name}.png" if picture is not None else None,
            "summaries": html.summaries(content), "findings": html.findings(content),
        }
