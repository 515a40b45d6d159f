"""Scorings in XML: Compumedics Profusion (``CMPStudyConfig``) and the National Sleep Research Resource's.

Profusion writes a digit an epoch, NSRR an event a stage ("Stage 2 sleep|2"); both have the same digits, which are not
those of other programs: 0 wake, 1–4 the stages of Rechtschaffen & Kales, 5 REM, 6 movement, 9 unscored. Onsets are
seconds after the recording's start. Formats: github.com/nsrr/edf-editor-translator/wiki.
"""

import re
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from sacd.exceptions import SacdError, reading
from sacd.ingest.scoring_marks import Marks, seconds
from sacd.ingest.stage_names import StageNames, unknown_stage
from sacd.ingest.text_file import read_text
from sacd.stages import N1, N2, N3, NOT_SCORED, REM, W

_DIGITS = {"0": W, "1": N1, "2": N2, "3": N3, "4": N3, "5": REM, "6": NOT_SCORED, "9": NOT_SCORED}
_MOST_ELEMENTS = 250_000


class _Bounded(TreeBuilder):
    """Builds trees no larger than those of a night."""

    left = _MOST_ELEMENTS

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"more than {_MOST_ELEMENTS:,} elements")
        return super().start(tag, attributes)


def read_xml(path: Path, names: StageNames) -> Marks:
    """Stages and events of an XML file.

    Raises
    ------
    SacdError
        No XML, one of another kind, one that defines entities (they can grow without end), or an unknown stage.
    """
    text = read_text(path, "export it again as XML")
    parser = DefusedXMLParser(target=_Bounded())
    with reading(path, "export it again", "not well-formed XML"):
        try:
            # Fed as text, so that the encoding that its first line names does not matter.
            parser.feed(text.lstrip("\ufeff"))
            root = parser.close()
        except DefusedXmlException:
            raise SacdError(f"{path}: the XML defines entities, which can be a bomb; export it without them") from None
    if next(root.iter("SleepStage"), None) is not None:
        return _profusion(path, root, names)
    if next(root.iter("EventConcept"), None) is not None:
        return _nsrr(path, root, names)
    raise SacdError(
        f"{path}: an XML of a kind that is not known (neither SleepStage nor EventConcept in it); export stages as "
        "Profusion or NSRR XML, EDF+ or text"
    )


def xml_looks_like_scoring(path: Path) -> bool:
    """Whether an XML has elements of a scoring: cameras write XML too."""
    try:
        text = read_text(path)
    except SacdError:
        return False
    return "<SleepStage>" in text or "<EventConcept>" in text


def _profusion(path: Path, root: Element, names: StageNames) -> Marks:
    codes = [
        _code(path, f"epoch {number}", element.text or "", names)
        for number, element in enumerate(root.iter("SleepStage"), 1)
    ]
    epoch_s = seconds(root.findtext("EpochLength"))
    return Marks.of_epochs(codes, epoch_s if epoch_s > 0 else None, _events(root, "Name", names))


def _nsrr(path: Path, root: Element, names: StageNames) -> Marks:
    rows = []
    for number, element in enumerate(root.iter("ScoredEvent"), 1):
        if re.match(r"\s*stages\b", element.findtext("EventType") or "", re.IGNORECASE):
            concept, _, digit = (element.findtext("EventConcept") or "").partition("|")
            code = names.stage(concept)
            code = _code(path, f"event {number}", digit or concept, names) if code is None else code
            rows.append((seconds(element.findtext("Start")), seconds(element.findtext("Duration")), code))
    return Marks.of(rows, _events(root, "EventConcept", names))


def _code(path: Path, where: str, text: str, names: StageNames) -> int:
    code = names.stage(text)
    code = _DIGITS.get(text.strip()) if code is None else code
    if code is None:
        raise unknown_stage(path, where, text)
    return code


def _events(root: Element, tag: str, names: StageNames) -> list[tuple[float, float, str]]:
    found = []
    for element in root.iter("ScoredEvent"):
        kind = names.event(element.findtext(tag) or "")
        if kind is not None:
            duration = seconds(element.findtext("Duration") or "0")
            found.append((seconds(element.findtext("Start")), duration, kind))
    return found
