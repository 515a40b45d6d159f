"""Units of a PSG's channels: what is a voltage and how much of one, and units that suit the numbers they stand by."""

import re

import numpy as np

# Case says nothing, for recorders that write capitals write UV; casefold makes the micro sign the Greek mu.
_VOLTS = re.compile(r"(|m|milli|u|μ|micro|n|nano)v(ol(ts?)?)?")
_MICROVOLTS = {"": 1e6, "m": 1e3, "milli": 1e3, "u": 1.0, "μ": 1.0, "micro": 1.0, "n": 1e-3, "nano": 1e-3}
_STEPS = ((1.0, "µV"), (1e3, "mV"), (1e6, "V"))
# Beyond, float16 has no numbers, or few.
_SMALLEST, _LARGEST = 1e-2, 6e4


def microvolts(unit: str) -> float | None:
    """What one `unit` is in µV, however it is spelled; None where it is no voltage.

    Parameters
    ----------
    unit : str
        Read as Latin-1. EDF knows ASCII alone, so a µ may stand there in any encoding.
    """
    for encoding in ("latin-1", "utf-8", "shift_jis"):
        # A µ that came as Unicode already has no other reading.
        text = unit.encode("latin-1", "replace").decode(encoding, "replace") if encoding != "latin-1" else unit
        if found := _VOLTS.fullmatch(re.sub(r"[\s\0]", "", text.casefold())):
            return _MICROVOLTS[found[1]]
    return None


def suiting(values: np.ndarray, unit: str) -> tuple[float, str]:
    """A factor and a unit in which `values` can be kept as float16: µV, mV, V, or a power of ten of their own unit.

    Parameters
    ----------
    values : ndarray
    unit : str
        As the file writes it; where it writes none, arbitrary units.

    Returns
    -------
    float, str
        What to multiply by, and the unit then.
    """
    largest = float(np.abs(values).max(initial=0))
    if (factor := microvolts(unit)) is not None:
        step, name = next(((step, name) for step, name in _STEPS if largest * factor / step < 1e3), _STEPS[-1])
        factor, unit = factor / step, name
    else:
        factor, unit = 1.0, _printable(unit)
    if largest * factor > _LARGEST or 0 < largest * factor < _SMALLEST:
        power = int(np.floor(np.log10(largest * factor)))
        return factor / 10.0**power, f"10^{power} {unit}"
    return factor, unit


def _printable(unit: str) -> str:
    return re.sub(r"[^ -~°µμ²³]", "", unit).strip() or "a.u."
