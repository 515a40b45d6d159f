"""How a simulated cohort was made, from its own `cohort.json`, and the command that makes it anew."""

import shlex
from pathlib import Path
from typing import Any

from sacd.cohort import CohortInfo
from sacd.exceptions import SacdError
from sacd.simulate.simulated_cohort import VERSION
from sacd.stages import CLIP_SECONDS


def is_ours(info: CohortInfo) -> bool:
    """Whether `sacd simulate` made a cohort, in this version or another."""
    return info.simulated and "simulator" in info.provenance


def arguments_of(info: CohortInfo) -> dict[str, Any]:
    """The arguments of `sacd.simulate.simulated_cohort.simulate` that make a cohort as it is, but for its name."""
    made, sampling = info.provenance, info.sampling
    arguments = {
        "train": made["train"], "test": made["test"], "seed": made["seed"], "coupling": made["coupling"]["name"],
        "frames": sampling.frames, "size": sampling.height, "span_s": sampling.span_s,
    }
    arguments |= {name: made[name] for name in ("skip", "camera_only") if name in made}
    if "encoder" in made:
        return arguments | {"nights": 0, "viewing": False, "preview": False, "encoder": made["encoder"]}
    return arguments | {
        "nights": made["nights"], "viewing": made.get("viewing", True), "preview": made.get("preview", False),
    }


def command(path: Path, info: CohortInfo) -> str:
    """The command line that makes the cohort at `path` anew."""
    made = arguments_of(info)
    words = ["sacd", "simulate", path]
    for name in ("train", "test", "nights", "coupling", "seed", "frames", "size"):
        words += [f"--{name}", made[name]]
    if made["span_s"] != CLIP_SECONDS:
        words += ["--span", made["span_s"]]
    if made["preview"]:
        words.append("--preview")
    if "encoder" in made:
        words += ["--encoder", made["encoder"]]
    if "skip" in made:
        words += ["--skip", made["skip"]]
    if "camera_only" in made:
        words.append("--camera-only")
    return shlex.join(map(str, words))


def check_version(path: Path, info: CohortInfo) -> None:
    """Refuse a cohort that another version of the simulator made: its nights are not comparable with today's.

    Raises
    ------
    SacdError
        It names the command that makes the cohort anew.
    """
    if not is_ours(info) or info.provenance["simulator"] == VERSION:
        return
    try:
        anew = command(path, info)
    except (KeyError, TypeError):
        raise SacdError(f"{path / 'cohort.json'}: does not say how it was simulated; move it away") from None
    raise SacdError(
        f"{path}: simulated by version {info.provenance['simulator']} of the simulator, this is {VERSION}; "
        f"remove the folder, then say: {anew}"
    )
