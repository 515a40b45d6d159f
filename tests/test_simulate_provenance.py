"""A cohort says how it was simulated; one of another version is refused with the command that makes it anew."""

import json
import shlex
import shutil

import pytest
from conftest import raw_info
from typer.testing import CliRunner

from sacd import experiments, runs
from sacd.cli import app
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.report import Report
from sacd.simulate.beside import Place
from sacd.simulate.planned import settings_of
from sacd.simulate.provenance import arguments_of, check_version, command
from sacd.simulate.simulated_cohort import VERSION, simulate

ASKED = {"train": 2, "test": 1, "nights": 0, "seed": 3, "coupling": "weak", "frames": 2, "size": 8, "span_s": 6.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("made") / "night study", viewing=False, **ASKED)


@pytest.fixture
def old(made, tmp_path):
    """The same cohort as an older simulator would have left it."""
    path = shutil.copytree(made, tmp_path / "night study")
    file = path / "cohort.json"
    content = json.loads(file.read_text())
    content["provenance"]["simulator"] = VERSION - 1
    file.write_text(json.dumps(content))
    return path


def test_todays_and_others_are_taken(made):
    check_version(made, Cohort.open(made).info)
    for info in (raw_info(), raw_info(simulated=False, provenance={"simulator": "a ward"}), raw_info(format_version=1)):
        check_version(made, info)


def test_an_older_one_is_refused_wherever_it_is_used(old):
    """By the report, by training, and where a report's own cohort was made by an older version."""
    cohort, profile = Cohort.open(old), load_profile("smoke")
    run = experiments.student(cohort, profile, "ce", "paper", 0, None, raw=True)
    for use in (
        lambda: Report("smoke", old), lambda: runs.ensure(cohort, [run]),
        lambda: Place(old, settings_of(cohort)).open(),
    ):
        with pytest.raises(SacdError) as raised:
            use()
        assert f"simulated by version {VERSION - 1} of the simulator, this is {VERSION}" in str(raised.value)
        assert str(raised.value).endswith(f"sacd simulate '{old}' --train 2 --test 1 --nights 0 --coupling weak "
                                          "--seed 3 --frames 2 --size 8 --span 6.0")
        assert "\n" not in str(raised.value)


def test_the_command_makes_it_anew(made, old):
    words = shlex.split(command(old, Cohort.open(old).info))
    shutil.rmtree(old)
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, result.output
    again, first = Cohort.open(old), Cohort.open(made)
    assert again.info.source_id == first.info.source_id and again.info.sampling == first.info.sampling
    assert [night.hash_of("video") for night in again] == [night.hash_of("video") for night in first]


def test_the_arguments_make_the_same_cohort(made, tmp_path):
    info = Cohort.open(made).info
    assert arguments_of(info) == ASKED | {"viewing": False, "preview": False}
    again = simulate(tmp_path / "again", **arguments_of(info), name=info.name)
    assert Cohort.open(again).fingerprint == Cohort.open(made).fingerprint


def test_the_film_is_asked_for_again(made):
    info = Cohort.open(made).info
    filmed = info.model_copy(update={"provenance": info.provenance | {"preview": True}})
    assert command(made, filmed).endswith(" --preview") and "--preview" not in command(made, info)


def test_a_cohort_that_does_not_say_how(made):
    info = raw_info(provenance={"simulator": VERSION - 1})
    with pytest.raises(SacdError, match="does not say how it was simulated; move it away"):
        check_version(made, info)
