"""Names of channels: which derivation of the 10–20 system a label means, and which can be had by re-referencing.

A canonical derivation is written as the AASM manual does: ``C3-M2``. Earlobe (A) and mastoid (M) of one side count as
one reference, for laboratories write either for the same electrode; T3–T6 are T7, T8, P7, P8 (Jasper 1958, and its
extension by the ACNS, doi:10.1097/WNP.0000000000000316).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_HEADS = ("Fp", "AF", "FT", "FC", "TP", "CP", "PO", "F", "C", "P", "O", "T")
_ELECTRODE = rf"(?:{'|'.join(_HEADS)})(?:z|10|[1-9])|[AM][12]"
_BOTH_EARS = r"\(?[AM][12]\s?[+/&,]?\s?[AM][12]\)?(?:/2)?"
_OWN = r"ref\w*|cref|org|g\d?|x"
_OTHER = r"LE|LM|AVG?|CAR|Avr"
_PREFIX = re.compile(r"^(?:EEG|POL)\d?[\s_:(-]*(?=\S)", re.IGNORECASE)
_LABEL = re.compile(
    rf"({_ELECTRODE})(?:[\s:/_-]*({_BOTH_EARS}|{_ELECTRODE})|[\s:/_-]+({_OWN})|[\s:/_-]+({_OTHER}))?\)?", re.IGNORECASE
)
# Any other label is taken where somebody asks for it: nobody knows what a laboratory writes there.
_UNNAMED = re.compile(r"EEG[\s_(]*(sec|\d{0,3})\)?", re.IGNORECASE)
_ALIASES = {"A1": "M1", "A2": "M2", "T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_MASTOIDS = ("M1", "M2")
PREFERRED = ("C3-M2", "C4-M1", "C3-M1", "C4-M2", "C3-M1M2", "C4-M1M2")
"""Of the paper (C3-A2), then other central derivations to an ear."""
# Of English, and what German, French and Italian recorders call by words of their own.
_KINDS = (
    ("other", r"snor|schnarch|ronfl|temp|pulse|pleth|\bhr\b|position|marker|event"),
    ("ecg", r"ecg|ekg"),
    ("eog", r"eog|eye|\b(e[12]|[lr]oc)(\s?[am][12])?\b"),
    ("emg", r"emg|chin|kinn|\bleg|[lr]leg|bein|tib|\b[lr]at\b|mental|masseter|\bplm"),
    ("thorax", r"thor|torac|\btho\b|chest|ribcage"),
    ("abdomen", r"\babd|addom"),
    ("spo2", r"spo2|sao2|osat|o2 ?sat|\bsat\b|oxim"),
    ("airflow", r"flow|fluss|nasal|cannula|therm|termist|ptaf|\bair\b|npres"),
)


class Derivation(NamedTuple):
    """An electrode of the 10–20 system against another; reference "" is the recorder's own, whatever that is."""

    electrode: str
    reference: str

    @property
    def name(self) -> str:
        """As it is written: ``C3-M2``, ``C3`` against the recorder's own reference."""
        return f"{self.electrode}-{self.reference}" if self.reference else self.electrode


def derivation(label: str) -> Derivation | None:
    """What ``EEG C3-A2``, ``C3:M2``, ``C3A2``, ``EEG C3-Ref``, ``FPZ-CZ`` … mean; None for anything else."""
    found = _LABEL.fullmatch(_plain(label))
    if found is None:
        return None
    electrode, against, _, other = found.groups()
    if against and (ears := re.findall("[AM]([12])", against, re.IGNORECASE)):
        reference = "M1M2" if len(ears) == 2 else f"M{ears[0]}"
    else:
        reference = _electrode(against) if against else (other or "").upper()
    return Derivation(_electrode(electrode), reference)


def _electrode(text: str) -> str:
    head = next((head for head in (*_HEADS, "A", "M") if head.lower() == re.sub(r"(z|\d+)$", "", text.lower())), "")
    name = head + text[len(head) :].lower()
    return _ALIASES.get(name, name)


def _plain(label: str) -> str:
    return _PREFIX.sub("", label.strip()).strip()


def canonical(label: str) -> str:
    """A derivation's name; of any other label the label."""
    found = derivation(label)
    return found.name if found else label.strip()


def kind_of(label: str, unit: str = "") -> str:
    """Of a channel: eeg, eog, emg, ecg, thorax, abdomen, airflow, spo2 or other."""
    found = derivation(label)
    if found:
        # O2 is an electrode, and oxygen.
        return "spo2" if found.name == "O2" and unit.strip() == "%" else "eeg"
    words = re.sub(r"[^a-z0-9]+", " ", _plain(label).lower()).strip()
    named = next((kind for kind, pattern in _KINDS if re.search(pattern, words)), None)
    return named or ("eeg" if label.strip().upper().startswith("EEG") else "other")


def sources(name: str, labels: Sequence[str], kinds: Sequence[str]) -> tuple[int, ...]:
    """Which channels make up the derivation or label `name`: one, or two of which the second is taken from the first.

    Parameters
    ----------
    name : str
        In any spelling.
    labels, kinds : sequence of str
        Of the recording's channels.

    Returns
    -------
    tuple of int
        Indices; empty where it cannot be had.
    """
    wanted = derivation(name)
    if wanted is None:
        same = [i for i, label in enumerate(labels) if _plain(label).lower() == _plain(name).lower()]
        return tuple(same[:1])
    found = [(i, derivation(label)) for i, (label, kind) in enumerate(zip(labels, kinds, strict=True)) if kind == "eeg"]
    direct = [i for i, one in found if one == wanted]
    if direct:
        return (direct[0],)
    # C3-M2 is C3 less M2 where both stand against the same third.
    active = {one.reference: i for i, one in reversed(found) if one and one.electrode == wanted.electrode}
    passive = {one.reference: i for i, one in reversed(found) if one and one.electrode == wanted.reference}
    common = [reference for reference in active if reference in passive]
    return (active[common[0]], passive[common[0]]) if common else ()


def candidates(labels: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """What EEG a recording offers, canonical, the best first: central against an ear, else central, Fpz-Cz, others."""
    eeg = [canonical(label) for label, kind in zip(labels, kinds, strict=True) if kind == "eeg"]
    scalp = [name for name in eeg if (found := derivation(name)) and found.electrode not in _MASTOIDS]
    central = [name for name in scalp if re.match(r"C[34](?!\d)", name)]
    unnamed = [name for name in eeg if _UNNAMED.fullmatch(name)]
    return list(dict.fromkeys([*PREFERRED, *central, "Fpz-Cz", *scalp, *unnamed]))
