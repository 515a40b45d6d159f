"""What readers say of clips: remarks and labels of their own, in a table beside a cohort, never in its scoring.

`remarks.tsv` in the cohort's folder only grows: a row says who, when, on which clip, the label (or ``n/a``) and a note.
Of several labels of one reader for a clip the latest counts. Neither a run's identity nor the cohort's fingerprint
depends on it.
"""

import csv
import io
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import edfio
import numpy as np
import pandas as pd

from sacd.cohort.cohort import Cohort, Recording
from sacd.cohort.format import read_tsv
from sacd.cohort.writer import write_atomically
from sacd.exceptions import SacdError
from sacd.locks import alone
from sacd.metrics import accuracy, confusion, kappa
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES

FILE = "remarks.tsv"
COLUMNS = ("when", "who", "recording_id", "clip", "label", "note")
ARTEFACT = "artefact"
LABELS = (*STAGES, ARTEFACT)
"""What a reader may call a clip."""
LONGEST = 2000
"""Characters of a note."""
_CLIP = ["who", "recording_id", "clip"]
_EDF_NAMES = {"REM": "Sleep stage R", ARTEFACT: "Artefact"}
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@")


class Remarks:
    """The remarks beside one cohort.

    Parameters
    ----------
    cohort_path : path
        The cohort's folder.
    """

    def __init__(self, cohort_path: str | os.PathLike[str]) -> None:
        self._cohort = Cohort.open(cohort_path)
        self.file = self._cohort.path / FILE

    def add(
        self, recording_id: str, clip: int, label: str | None = None, note: str = "", who: str = "reader",
        when: str | None = None,
    ) -> None:
        """Add a remark on a clip; it is on disk when this returns.

        Parameters
        ----------
        recording_id, clip
            The clip, by its number in the night.
        label : str, optional
            One of `LABELS`.
        note : str
            White space and control characters become single spaces.
        who : str
            The reader's name or initials.
        when : str, optional
            ISO 8601; by default now, in UTC.

        Raises
        ------
        SacdError
            No such clip or label, nothing to say, a note of more than `LONGEST` characters, a folder that cannot be
            written.
        """
        clips = self._recording(recording_id).clips["clip"]
        if clip not in set(clips):
            raise SacdError(f"remark: {recording_id} has no clip {clip}; its clips are {clips.min()} to {clips.max()}")
        if label is not None and label not in LABELS:
            raise SacdError(f"remark on clip {clip}: label {label!r} is unknown; use {', '.join(LABELS)} or none")
        note, who = _one_line(note), _one_line(who)
        if label is None and not note:
            raise SacdError(f"remark on clip {clip}: neither label nor note; give one of them")
        if not who:
            raise SacdError(f"remark on clip {clip}: does not say who made it; give a name or initials")
        if len(note) > LONGEST or len(who) > LONGEST:
            raise SacdError(f"remark on clip {clip}: longer than {LONGEST:,} characters; shorten it")
        when = when or datetime.now(UTC).isoformat(timespec="seconds")
        row = _line([when, who, recording_id, int(clip), label or "n/a", note])
        with alone(self.file, "adds a remark"):
            try:
                before = self.file.read_text(encoding="utf-8") if self.file.exists() else _line(COLUMNS)
                write_atomically(self.file, before + ("" if before.endswith("\n") else "\n") + row)
            except OSError as error:
                raise SacdError(
                    f"{self.file}: cannot be written ({error.strerror}); make the cohort's folder writable"
                ) from None

    def table(self) -> pd.DataFrame:
        """All remarks in the order in which they were made: the columns `COLUMNS`, `clip` as int, the rest text."""
        if not self.file.exists():
            return pd.DataFrame({name: pd.Series(dtype=int if name == "clip" else object) for name in COLUMNS})
        table = read_tsv(self.file, COLUMNS, ("clip",))
        if table["clip"].isna().any() or (table["clip"] % 1 != 0).any():
            raise SacdError(f"{self.file}: column clip must hold whole numbers; correct the row")
        return table.astype({"clip": int})

    def labels(self) -> pd.DataFrame:
        """The latest label of each reader for each clip; columns as in `table`."""
        table = self.table()
        return table[table["label"].isin(LABELS)].drop_duplicates(_CLIP, keep="last").reset_index(drop=True)

    def agreement(self) -> pd.DataFrame:
        """How far each reader agrees with the scoring, over the clips that both called a stage.

        Returns
        -------
        DataFrame
            `who`, `recordings`, `clips`, `agreement` (a share), `kappa` (Cohen's, five classes; NaN where chance
            agreement is 1). Of clips that a filter chose, for example errors, it says nothing of the night.
        """
        scored = self._with_scoring(self.labels())
        scored = scored[scored["label"].isin(STAGES) & (scored["stage"] != NOT_SCORED)]
        rows = []
        for who, part in scored.groupby("who", sort=False):
            said = part["label"].map(STAGES.index).to_numpy()
            matrix = confusion(part["stage"].to_numpy(), said, np.zeros(len(part)))
            rows.append((who, part["recording_id"].nunique(), len(part), float(accuracy(matrix)), float(kappa(matrix))))
        return pd.DataFrame(rows, columns=["who", "recordings", "clips", "agreement", "kappa"])

    def export_csv(self, path: str | os.PathLike[str]) -> None:
        """Write all remarks as CSV, each with its clip's onset (s) and scored stage.

        Text that a spreadsheet would take for a formula gets an apostrophe in front.
        """
        table = self._with_scoring(self.table())
        table["scored"] = table.pop("stage").map(dict(enumerate(STAGES))).fillna("n/a")
        for name in ("when", "who", "label", "note"):
            formula = table[name].str.startswith(_FORMULA)
            table[name] = table[name].where(~formula, "'" + table[name])
        columns = ["when", "who", "recording_id", "clip", "onset", "scored", "label", "note"]
        _written(Path(path), lambda file: table[columns].to_csv(file, index=False))

    def export_edf(self, path: str | os.PathLike[str], recording_id: str, who: str | None = None) -> None:
        """Write one reader's labels and notes on a recording as an EDF+ file of annotations alone.

        Stages are called as `sacd ingest` and other readers of EDF+ know them ("Sleep stage N2"); notes begin with
        "Remark:". Onsets count from the recording's start, which the header repeats where it is known.

        Parameters
        ----------
        path : path
            The file; replaced if there.
        recording_id : str
        who : str, optional
            May be left out where only one reader made remarks on the recording.

        Raises
        ------
        SacdError
            No remark on the recording, or several readers and none named.
        """
        recording, table = self._recording(recording_id), self._with_scoring(self.table())
        table = table[table["recording_id"] == recording_id]
        readers = sorted(set(table["who"]))
        if not readers or (who is not None and who not in readers):
            raise SacdError(f"{self.file}: no remark of {who or 'anybody'} on {recording_id}; label a clip first")
        if who is None and len(readers) > 1:
            raise SacdError(f"{self.file}: {recording_id} has remarks of {', '.join(readers)}; name one")
        own = table[table["who"] == (who or readers[0])]
        labels = own[own["label"].isin(LABELS)].drop_duplicates("clip", keep="last")
        said = [(onset, _EDF_NAMES.get(label, f"Sleep stage {label}")) for onset, label in
                zip(labels["onset"], labels["label"], strict=True)]
        said += [(onset, f"Remark: {note}") for onset, note in zip(own["onset"], own["note"], strict=True) if note]
        annotations = [edfio.EdfAnnotation(float(onset), CLIP_SECONDS, text) for onset, text in sorted(said)]
        start = None if recording.start == "n/a" else datetime.fromisoformat(recording.start)
        edf = edfio.Edf(
            [], recording=edfio.Recording(startdate=start and start.date()),
            starttime=start and start.replace(tzinfo=None).time(), annotations=annotations,
        )
        _written(Path(path), edf.write)

    def _recording(self, recording_id: str) -> Recording:
        if recording_id not in set(self._cohort.recordings["recording_id"]):
            raise SacdError(f"remark: no recording {recording_id!r} in {self._cohort.path}; see recordings.tsv")
        return self._cohort[recording_id]

    def _with_scoring(self, table: pd.DataFrame) -> pd.DataFrame:
        """With each clip's `onset` and `stage`; clips that the cohort no longer has are left out."""
        named = set(table["recording_id"])
        columns = ["recording_id", "clip", "onset", "stage"]
        clips = [one.clips.assign(recording_id=one.recording_id)[columns] for one in self._cohort
                 if one.recording_id in named]
        return table.merge(pd.concat(clips), on=columns[:2]) if clips else table.reindex(columns=[*table, *columns[2:]])


def _one_line(text: str) -> str:
    """Text as one line without control characters; markup stays what it is, characters."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _line(values: Sequence[object]) -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter="\t", lineterminator="\n").writerow(values)
    return stream.getvalue()


def _written(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except OSError as error:
        raise SacdError(f"{path}: cannot be written ({error.strerror}); name another file") from None
