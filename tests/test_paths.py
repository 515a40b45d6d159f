"""What a relative path in a notebook is counted from, and that every notebook asks."""

from pathlib import Path

import nbformat
import pytest

from sacd import paths
from sacd.paths import locate

NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A repository with two cohorts, and a working directory with two, one of the same name."""
    for folder in ("root/data/both", "root/data/own", "here/data/both", "here/data/mine"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(paths, "ROOT", tmp_path / "root")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("data/own", "root/data/own"), ("data/both", "root/data/both"), ("data/mine", "here/data/mine"),
        ("../here/data/mine", "here/data/mine"), ("data/none", "root/data/none"), ("a.yaml", "root/a.yaml"),
    ],
)
def test_the_repository_comes_first_then_the_working_directory(places, path, found):
    assert locate(path).resolve() == places / found


def test_absolute_paths_and_names_stay(places):
    (places / "here" / "laptop").mkdir()
    assert locate(places / "x") == places / "x" and locate("laptop") == Path("laptop")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebooks_locate_what_they_are_given(file):
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    given = cells[0].source
    code = "\n".join(cell.source for cell in cells[1:])
    assert "../" not in given, "the default would be counted from elsewhere"
    for name, call in (("cohort", "Cohort.open(locate(cohort))"), ("profile", "load_profile(locate(profile))")):
        if f"{name} = " in given:
            assert call in code
