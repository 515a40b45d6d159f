"""Answers a viewer's requests with bytes: the same for a live kernel and for a page without one.

A request is a dict with a `kind`, an `id` that the answer repeats, and what the kind asks for; an answer is a dict and
binary buffers. `arrays` of an answer names the buffers in their order, with dtype and shape. A fault that people can
mend comes back as `error`, one line.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sacd.cohort import Recording
from sacd.cohort.overview import level_for, overview
from sacd.exceptions import SacdError
from sacd.figures.exploration import HYPNOGRAM_ORDER
from sacd.stages import CLIP_SECONDS, STAGES
from sacd.widgets import traces
from sacd.widgets.preview_cut import cut
from sacd.widgets.viewing import Viewing, narrowed, questions, rows_of

Request = Mapping[str, Any]
Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


def answer(request: Request, viewing: Viewing) -> tuple[dict[str, Any], list[bytes]]:
    """The answer to one request of a viewer.

    Parameters
    ----------
    request : mapping
        `kind`, one of `KINDS`; `id`; for most kinds `recording` (an id) and `clip` (its number in the night).
    viewing : Viewing

    Returns
    -------
    content : dict
        JSON; `arrays` holds [name, dtype, shape] of each buffer, `error` what went wrong.
    buffers : list of bytes
        Little-endian, row by row.
    """
    kind = request.get("kind")
    try:
        if kind not in KINDS:
            raise SacdError(f"a viewer asked for {kind!r}, none of {', '.join(KINDS)}; open the notebook again")
        content, arrays = KINDS[kind](request, viewing)
    except SacdError as error:
        content, arrays = {"error": str(error)}, {}
    named = [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]
    buffers = [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
    return {"id": request.get("id"), "kind": kind, "arrays": named, **content}, buffers


def hello(request: Request, viewing: Viewing) -> Answer:
    """What there is to look at, and the clips to walk through."""
    cohort, table = viewing.cohort, rows_of(viewing, None, None)
    about = {
        "label": cohort.label, "simulated": cohort.info.simulated, "stages": STAGES, "order": HYPNOGRAM_ORDER,
        "runs": viewing.runs, "recordings": cohort.recordings["recording_id"].tolist(),
        "participants": cohort.recordings["participant_id"].tolist(),
        "bands": traces.bands(cohort.info.sampling.eeg_hz) if cohort.info.eeg == "raw" else [],
        "filters": questions(table), "writable": viewing.remarks is not None, "reader": viewing.reader,
        "occlusion": viewing.occlusion is not None, "agreement": _agreement(viewing),
    }
    return about, {"list": viewing.pairs()}


def night(request: Request, viewing: Viewing) -> Answer:
    """A night's clips, scored and predicted, its events and what readers said of it."""
    recording = viewing.recording(request.get("recording"))
    clips = recording.clips
    predicted, probability = viewing.said(recording)
    events = recording.events
    about = {
        "recording": recording.recording_id, "participant": recording.participant_id, "start": recording.start,
        "events": [] if events is None else events[["onset", "duration", "type"]].values.tolist(),
        "remarks": _remarks(recording, viewing),
    }
    arrays = {
        "clips": clips["clip"].to_numpy(np.int32), "onsets": clips["onset"].to_numpy(np.float64),
        "stages": clips["stage"].to_numpy(np.int8), "predicted": predicted, "probability": probability,
    }
    return about, arrays


def clip(request: Request, viewing: Viewing) -> Answer:
    """Pictures and traces of one clip: what cannot be had is named in `missing`, and the rest comes."""
    recording = viewing.recording(request.get("recording"))
    row = viewing.row(recording, request.get("clip"))
    table = recording.clips.iloc[row]
    about: dict[str, Any] = {
        "recording": recording.recording_id, "clip": int(table["clip"]), "onset": float(table["onset"]),
        "stage": int(table["stage"]), "missing": {}, "preview": recording.preview is not None,
        "flags": [name.removeprefix("flag_") for name in table.index if name.startswith("flag_") and table[name]],
        "measured": recording.frame_times is not None,
        "uncertainty": recording.metadata["provenance"].get("clock_uncertainty_s"), "ranges": traces.ranges(recording),
    }
    arrays: dict[str, np.ndarray] = {}
    try:
        arrays |= _pictures(recording, row, viewing)
    except SacdError as error:
        about["missing"]["video"] = str(error)
    try:
        shown, traced = _traces(recording, row, request.get("band"), viewing)
        about["eeg"], arrays = shown, arrays | traced
    except SacdError as error:
        about["missing"]["eeg"] = str(error)
    if recording.signals is not None:
        about["signals"] = recording.signal_info.model_dump()
        arrays["signal_values"] = np.asarray(recording.signals[row], dtype=np.float32)
    arrays |= traces.movement(recording, row, arrays.get("times"))
    return about, arrays


def _pictures(recording: Recording, row: int, viewing: Viewing) -> dict[str, np.ndarray]:
    if viewing.cohort.info.video != "raw":
        raise SacdError("the cohort holds features of the video, no pictures")
    frames = np.asarray(recording.video[row])
    span = viewing.cohort.info.sampling.span_s or CLIP_SECONDS
    return {"frames": frames, "times": traces.picture_times(recording, row, len(frames), span)}


def _traces(
    recording: Recording, row: int, band: object, viewing: Viewing
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    info = viewing.cohort.info
    if info.eeg != "raw":
        held = "features of the EEG, no traces" if info.eeg == "features" else "what a camera saw, and no EEG"
        raise SacdError(f"the cohort holds {held}")
    hz = float(info.sampling.eeg_hz or 0)
    allowed = traces.bands(hz)
    name = band if band in allowed else allowed[0]
    about = {"names": info.sampling.eeg_channels or [recording.channel], "hz": hz, "band": name}
    values = traces.filtered(recording, row, hz, name)
    return about, {"eeg_values": values, "spectrum": traces.colours(recording, row, hz)}


def preview(request: Request, viewing: Viewing) -> Answer:
    """The clip as a film at the camera's full rate."""
    recording = viewing.recording(request.get("recording"))
    row = viewing.row(recording, request.get("clip"))
    if recording.preview is None:
        raise SacdError(f"recording {recording.recording_id} has no preview; the frames are there still")
    file, times, begins = cut(recording.preview, float(recording.clips["onset"].iloc[row]))
    return {"begins": begins}, {"file": np.frombuffer(file, np.uint8), "times": times}


def night_overview(request: Request, viewing: Viewing) -> Answer:
    """Lowest and highest values of a night's signals, at most two pairs a pixel column."""
    recording = viewing.recording(request.get("recording"))
    onsets = recording.clips["onset"]
    length = float(onsets.iloc[-1] - onsets.iloc[0]) + CLIP_SECONDS
    found = overview(recording, level_for(length, int(request["pixels"])))
    # The first channel is drawn: EEG where there is any.
    return {"seconds": found.seconds, "start": found.start}, {"pairs": found.pairs[:1]}


def chosen(request: Request, viewing: Viewing) -> Answer:
    """The clips that filters leave, and what can be asked of the models that were chosen."""
    table = rows_of(viewing, request.get("model"), request.get("baseline"))
    names, values = list(request["names"]), dict(request["values"])
    left = narrowed(viewing, table, names, bool(request["uncertain"]), values)
    return {"filters": questions(table)}, {"list": viewing.pairs(left)}


def remark(request: Request, viewing: Viewing) -> Answer:
    """Keep a reader's label or note; the answer holds all of the night, and the reader's agreement with the scoring."""
    recording = viewing.recording(request.get("recording"))
    viewing.row(recording, request.get("clip"))
    if viewing.remarks is None:
        raise SacdError("this page cannot write remarks; open the viewer in a notebook")
    label, note = request.get("label"), str(request.get("note") or "")
    viewing.remarks.add(recording.recording_id, request["clip"], label, note, viewing.reader)
    return {"remarks": _remarks(recording, viewing), "agreement": _agreement(viewing)}, {}


def export(request: Request, viewing: Viewing) -> Answer:
    """The reader's remarks as a file: all as CSV, or those on one recording as EDF+."""
    recording = viewing.recording(request.get("recording"))
    if viewing.remarks is None:
        raise SacdError("this page has no remarks; open the viewer in a notebook")
    with tempfile.TemporaryDirectory() as folder:
        if request.get("format") == "edf":
            file = Path(folder) / f"{recording.recording_id}-remarks.edf"
            viewing.remarks.export_edf(file, recording.recording_id, viewing.reader)
        else:
            file = Path(folder) / "remarks.csv"
            viewing.remarks.export_csv(file)
        return {"name": file.name}, {"file": np.frombuffer(file.read_bytes(), np.uint8)}


def occlusion(request: Request, viewing: Viewing) -> Answer:
    """Where the student looked: how much the model loses without a part of the clip."""
    recording = viewing.recording(request.get("recording"))
    viewing.row(recording, request.get("clip"))
    if viewing.occlusion is None:
        raise SacdError("no trained student is at hand; give the viewer one to ask where it looked")
    return {}, {"map": np.asarray(viewing.occlusion(recording.recording_id, request["clip"]), dtype=np.float32)}


def _agreement(viewing: Viewing) -> dict[str, Any] | None:
    """How far the reader agrees with the scoring; None where nothing can be compared."""
    if viewing.remarks is None:
        return None
    found = viewing.remarks.agreement()
    own = found[found["who"] == viewing.reader]
    # NaN is no JSON.
    return own.iloc[0].astype(object).where(own.iloc[0].notna(), None).to_dict() if len(own) else None


def _remarks(recording: Recording, viewing: Viewing) -> list[dict[str, Any]]:
    if viewing.remarks is None:
        return []
    table = viewing.remarks.table()
    own = table[table["recording_id"] == recording.recording_id]
    return own[["clip", "label", "note", "who", "when"]].to_dict("records")


KINDS: dict[str, Callable[[Request, Viewing], Answer]] = {
    "hello": hello, "night": night, "clip": clip, "preview": preview, "overview": night_overview, "filter": chosen,
    "remark": remark, "export": export, "occlusion": occlusion,
}
