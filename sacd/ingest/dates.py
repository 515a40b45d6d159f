"""Dates of recordings, moved by a secret: a cohort tells the clock time and the weekday of a night, not its date.

All nights of a participant move by the same whole number of weeks, one to 52, back or forth, so that what lies between
them stays. How far follows from the participant's id and a secret of this user (HMAC, RFC 2104), which lies outside
of every cohort: a night that is added later moves as the earlier ones did, and nobody without the secret can move it
back. Who loses the secret can no longer add nights in step with those that are there. `sacd.cohort.privacy` has the
words by which a recording's provenance says what became of its date.
"""

import hashlib
import hmac
import os
import re
import secrets
import stat
from datetime import datetime, timedelta
from pathlib import Path

from sacd.cohort.privacy import DATES, KEPT, PUBLISHED, SHIFTED
from sacd.exceptions import SacdError, reading
from sacd.locks import alone
from sacd.replacing import replacing

__all__ = ["KEPT", "PROVENANCE", "PUBLISHED", "SHIFTED", "read_secret", "secret_file", "shifted"]
PROVENANCE = DATES
_WEEKS = 52


def shifted(start: datetime, participant_id: str, secret: bytes) -> datetime:
    """A night's start with the participant's dates moved; the clock time and the weekday stay.

    Parameters
    ----------
    start : datetime
        Local start of the recording.
    participant_id : str
    secret : bytes
        As `read_secret` gives it.

    Raises
    ------
    SacdError
        A date at the very end of the calendar.
    """
    digest = hmac.digest(secret, participant_id.encode(), hashlib.sha256)
    number = int.from_bytes(digest) % (2 * _WEEKS)
    weeks = number - _WEEKS if number < _WEEKS else number - _WEEKS + 1
    try:
        return start + timedelta(weeks=weeks)
    except OverflowError:
        raise SacdError(
            f"participant {participant_id}: a recording of the year {start.year} cannot be moved by {_WEEKS} weeks; "
            "correct its date"
        ) from None


def secret_file() -> Path:
    """Where this user's secret lies: in ``$SACD_CONFIG``, else in ``~/.config/sacd``."""
    folder = os.environ.get("SACD_CONFIG")
    return (Path(folder) if folder else Path.home() / ".config" / "sacd") / "date-secret"


def read_secret() -> bytes:
    """This user's secret, 32 random bytes; made at the first call, readable by the user alone.

    Raises
    ------
    SacdError
        It cannot be read or written, others may read it, or it is damaged.
    """
    file = secret_file()
    with reading(file, "set SACD_CONFIG to a folder of your own", "cannot be made"), alone(file, "makes it"):
        if not file.exists():
            _make(file)
    with reading(file, "restore it from a backup"):
        text, mode = file.read_text(encoding="ascii").strip(), file.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SacdError(f"{file}: other users may read the secret; say chmod 600")
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise SacdError(
            f"{file}: does not hold the secret that dates are moved by; restore it from a backup, or remove it where "
            "no nights will be added to what was ingested"
        )
    return bytes.fromhex(text)


def _make(file: Path) -> None:
    with replacing(file) as aside:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
            stream.write(f"{secrets.token_hex(32)}\n")
            stream.flush()
            os.fsync(stream.fileno())
