"""One clip cut out of a night's preview without decoding it: a small WebM of its own, and when its pictures were taken.

A preview has a key picture at every clip (`sacd.simulate.extras.write_preview`), so packets are copied as they are.
"""

from io import BytesIO
from pathlib import Path

import av
import numpy as np

from sacd.exceptions import SacdError, reading
from sacd.stages import CLIP_SECONDS


def cut(preview: Path, onset: float) -> tuple[bytes, np.ndarray, float]:
    """The clip that begins at `onset`.

    Parameters
    ----------
    preview : Path
        Its time is the recording's.
    onset : float
        s from the recording's start.

    Returns
    -------
    file : bytes
        WebM whose time begins with its first picture.
    times : ndarray [pictures] float64
        s from `onset`, rising; negative where the last key picture came before the clip.
    begins : float
        Time of its first picture, s from `onset`.

    Raises
    ------
    SacdError
        The file does not decode, or has no picture there.
    """
    with reading(preview, "ingest the recording again", "the preview does not decode"), av.open(preview) as film:
        stream = film.streams.video[0]
        base = stream.time_base
        film.seek(round(onset / base), stream=stream)
        packets = []
        for packet in film.demux(stream):
            if packet.pts is None:
                continue
            if packet.pts * base >= onset + CLIP_SECONDS:
                break
            packets.append(packet)
        if not packets or packets[-1].pts * base < onset:
            raise SacdError(f"{preview}: has no picture at {onset:g} s; the frames are there still")
        first = packets[0].pts
        times = np.array([float(packet.pts * base) for packet in packets]) - onset
        file = BytesIO()
        with av.open(file, "w", format="webm") as copy:
            target = copy.add_stream_from_template(stream)
            for packet in packets:
                packet.pts, packet.dts = packet.pts - first, packet.pts - first
                packet.stream = target
                copy.mux(packet)
    return file.getvalue(), times, float(times[0])
