"""YAML files of users: what holds itself, grows when it is read, or says a thing twice, is refused."""

from pathlib import Path

import pytest

from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.ingest.stage_names import StageNames

DOUBLED = "".join(f"c{i}: &c{i} [*c{i - 1}, *c{i - 1}]\n" for i in range(1, 27))


@pytest.mark.parametrize("text", ["a: &a [*a]\n", f"c0: &c0 [x]\n{DOUBLED}", "[" * 5000])
@pytest.mark.parametrize("read", [load_profile, StageNames.read])
def test_what_refers_to_itself_is_refused(tmp_path: Path, text: str, read: object) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(SacdError, match=r"p.yaml: not valid YAML \((it refers to a part of itself|lists within)"):
        read(tmp_path / "p.yaml")


@pytest.mark.parametrize(("read", "text"), [
    (load_profile, "name: a\nseeds: 1\nnight: {seeds: 1, train: 2, seeds: 3}\n"),
    (StageNames.read, "stages:\n  W: [wach]\n  W: [awake]\n"),
])
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, read: object, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(SacdError, match=r"p.yaml: not valid YAML \(line 3: '(seeds|W)' stands there a second time\)"):
        read(tmp_path / "p.yaml")
