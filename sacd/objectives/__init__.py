"""Ways of distilling, by name.

`OBJECTIVES` is a mapping name → class that imports a class when it is asked for; a way of distilling of your own is
named `file.py:Class` instead. Either may be composed with one of `CORRECTIONS`, as `kd+abc` or `file.py:Class+abc`.
"""

import hashlib
import importlib
import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from sacd.exceptions import SacdError, first_line
from sacd.objectives.base import Context, Objective, defaults
from sacd.objectives.corrections import Correction, corrected

T = TypeVar("T", bound=Objective)

_PLACES: dict[str, str] = {
    "ce": "cross_entropy:CrossEntropy",
    "label-smoothing": "cross_entropy:LabelSmoothing",
    "kd": "kd:KD",
    "night-kd": "night_kd:NightKD",
    "jsd": "jsd:JSD",
    "class-mean": "controls:ClassMean",
    "self-training": "controls:SelfTraining",
    "pseudo-label": "controls:PseudoLabel",
    "oracle": "controls:Oracle",
    "sacd": "sacd:SACD",
    "fitnet": "fitnet:FitNet",
    "pkt": "pkt:PKT",
    "rkd": "rkd:RKD",
    "crd": "crd:CRD",
    "ifd": "ifd:IFD",
    "cmc": "cmc:CMC",
    "ccl": "ccl:CCL",
    "dkd": "dkd:DKD",
    "dist": "dist:DIST",
    "c2kd": "c2kd:C2KD",
    "softmatch": "softmatch:SoftMatch",
    "la-kd": "la_kd:LogitAdjustedKD",
}
_CORRECTION_PLACES: dict[str, str] = {
    "abc": "balanced_head:BalancedHead",
    "la": "logit_adjusted:LogitAdjusted",
}


class _Registry(Mapping[str, type[T]], Generic[T]):
    """Classes of this package by name; a class is imported when it is looked up."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> type[T]:
        module, _, attribute = self._places[name].partition(":")
        return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


OBJECTIVES: Mapping[str, type[Objective]] = _Registry(_PLACES)
CORRECTIONS: Mapping[str, type[Correction]] = _Registry(_CORRECTION_PLACES)


def parts_of(name: str) -> tuple[str, str]:
    """The method and the correction that an objective's name names; the correction is empty where there is none."""
    method, plus, correction = name.rpartition("+")
    return (method, correction) if plus and correction in CORRECTIONS else (name, "")


def _unknown(name: str) -> SacdError:
    return SacdError(
        f"unknown objective '{name}'; choose one of {', '.join(OBJECTIVES)} or name a file.py:Class, "
        f"alone or with a correction (+{', +'.join(CORRECTIONS)})"
    )


def _from_file(name: str) -> type[Objective]:
    """The class that `file.py:Class` names."""
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise SacdError(f"{file}: no such file; an objective of your own is named file.py:Class")
    # Named by its whole path, so that two files of one name do not meet in pickles or tracebacks.
    spec = importlib.util.spec_from_file_location(f"sacd_objective_{path.resolve().as_posix()}", path)
    if spec is None or spec.loader is None:
        raise SacdError(f"{file}: not a Python file; an objective of your own is named file.py:Class")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise SacdError(f"{file}: cannot be imported ({reason}); correct the file") from error
    found = getattr(module, attribute, None)
    if not (inspect.isclass(found) and issubclass(found, Objective)):
        raise SacdError(f"{file}: has no class '{attribute}' derived from sacd.objectives.base.Objective; add it")
    return found


def load_objective(name: str) -> type[Objective]:
    """The class of an objective.

    Parameters
    ----------
    name : str
        A key of `OBJECTIVES`, or `file.py:Class`; either may be followed by `+` and a key of `CORRECTIONS`.

    Raises
    ------
    SacdError
        Unknown name; no such file; the file has no such objective; a second correction.
    """
    method, correction = parts_of(name)
    if correction:
        return corrected(load_objective(method), CORRECTIONS[correction])
    if name in OBJECTIVES:
        return OBJECTIVES[name]
    if ":" in name:
        return _from_file(name)
    raise _unknown(name)


def options_of(name: str) -> dict[str, Any]:
    """Options of an objective and their defaults, in order (`inspect.Parameter.empty` where one is required)."""
    return defaults(load_objective(name))


def resolved(name: str) -> str:
    """The name of an objective, a file in it with its whole path (from the working directory).

    Raises
    ------
    SacdError
        Neither an objective of this package nor a file.
    """
    if parts_of(name)[0] in OBJECTIVES:
        return name
    file, colon, attribute = name.rpartition(":")
    if not colon:
        raise _unknown(name)
    return f"{Path(file).resolve()}:{attribute}"


def short_name(name: str) -> str:
    """The name of an objective of this package, or the class of one in a file; the correction follows either."""
    return name.rpartition(":")[2]


def identity(name: str) -> int | str:
    """What changes when an objective's numbers may: its version, or the SHA-256 of the file that it stands in.

    Of a corrected method, both its own and the correction's.
    """
    method, correction = parts_of(name)
    if correction:
        return f"{identity(method)}+{CORRECTIONS[correction].version}"
    if name in OBJECTIVES:
        return OBJECTIVES[name].version
    file = Path(name.rpartition(":")[0])
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        raise SacdError(f"{file}: no such file; an objective of your own is named file.py:Class") from None


def normal_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an objective in the type of the defaults, without those that equal them.

    Raises
    ------
    SacdError
        As `build_objective`: what the objective refuses.
    """
    return _normal_options(name, identity(name), tuple(options.items()))


@lru_cache(maxsize=4096)
def _normal_options(name: str, version: int | str, options: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    known = options_of(name)
    build_objective(name, Context(n_clips=1), dict(options))
    typed = {
        key: float(value) if isinstance(known[key], float) and not isinstance(value, bool) else value
        for key, value in options
    }
    return {key: value for key, value in typed.items() if value != known[key]}


def build_objective(name: str, context: Context, options: Mapping[str, Any] | None = None) -> Objective:
    """An objective, ready to train with.

    Parameters
    ----------
    name : str
        As for `load_objective`.
    context : Context
    options : mapping, optional
        Options that differ from the defaults.

    Raises
    ------
    SacdError
        Unknown objective; an option it does not have; an option's value it does not take.
    """
    objective = load_objective(name)
    known = defaults(objective)
    for option, value in (options or {}).items():
        if option not in known:
            valid = ", ".join(known) or "none"
            raise SacdError(f"objective '{name}': unknown option '{option}'; its options are: {valid}")
        number = isinstance(known[option], int | float)
        if number and not isinstance(value, int | float):
            raise SacdError(f"objective '{name}': option '{option}' is {value!r}; give a number")
    return objective(context, **(options or {}))
