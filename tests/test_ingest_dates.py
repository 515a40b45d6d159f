"""The secret shift of dates: the same for all nights of a participant, unlike for others, and nobody else's."""

import stat
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacd.exceptions import SacdError
from sacd.ingest.dates import read_secret, secret_file, shifted

NIGHT = datetime(2024, 3, 1, 22, 30, 5)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SACD_CONFIG", str(tmp_path / "config"))


@settings(max_examples=40)
@given(st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1)), st.text("aZ9_-", max_size=9), st.binary(min_size=1))
def test_clock_time_and_weekday_stay_and_the_date_never_does(start, participant, secret):
    moved = shifted(start, participant, secret)
    assert moved.time() == start.time() and moved.weekday() == start.weekday()
    assert timedelta(weeks=1) <= abs(moved - start) <= timedelta(weeks=52)


def test_nights_of_a_participant_keep_what_lies_between_them():
    one, other = (shifted(NIGHT + timedelta(days=days), "P1", b"secret") for days in (0, 9))
    assert other - one == timedelta(days=9)


def test_participants_and_secrets_move_apart():
    people = [shifted(NIGHT, f"P{k}", b"secret") for k in range(3000)]
    assert len(set(people)) == 104
    others = [shifted(NIGHT, f"P{k}", b"other") for k in range(3000)]
    assert sum(one != other for one, other in zip(people, others, strict=True)) > 2900


def test_the_end_of_the_calendar_is_refused_in_one_line():
    beyond = [name for name in map(str, range(30)) if shifted(NIGHT, name, b"secret") > NIGHT]
    with pytest.raises(SacdError, match="^participant .*year 9999"):
        shifted(datetime(9999, 12, 30), beyond[0], b"secret")


def test_the_secret_is_made_once_for_its_user_alone():
    secret = read_secret()
    assert len(secret) == 32 and read_secret() == secret
    assert stat.S_IMODE(secret_file().stat().st_mode) == 0o600
    assert [entry.name for entry in secret_file().parent.iterdir()] == [secret_file().name]


@pytest.mark.parametrize("content", [b"", b"ab\n", b"\xff\xfe", b"x" * 64])
def test_a_damaged_secret_is_refused_and_left(content):
    read_secret()
    secret_file().write_bytes(content)
    with pytest.raises(SacdError, match="restore it from a backup") as error:
        read_secret()
    assert "\n" not in str(error.value) and secret_file().read_bytes() == content


def test_a_secret_that_others_may_read_is_refused():
    read_secret()
    secret_file().chmod(0o644)
    with pytest.raises(SacdError, match="chmod 600"):
        read_secret()


def test_a_place_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("SACD_CONFIG", str(tmp_path / "file" / "within"))
    with pytest.raises(SacdError, match="SACD_CONFIG|writable"):
        read_secret()
