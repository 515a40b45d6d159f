"""`make claim`: one cohort after another is simulated, trained on, counted and removed; then the page with the verdict.

What is kept of a cohort are its counts of scored and predicted stages (`sacd.analysis.counts`), named by the digest of
the method, so that an interrupted stage goes on where it stopped, and no cohort is looked at under two methods unsaid.
"""

import base64
import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sacd import runs
from sacd.analysis.claim import Components, confirm, gap_closed, resolvable, variance_components
from sacd.analysis.counts import count, matrices, scores
from sacd.analysis.inference import pseudo_values
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.claim import (
    CE,
    CE_ALL,
    FROZEN,
    OURS,
    Design,
    StageName,
    commit_of,
    digest,
    load_design,
    read_frozen,
    stage_runs,
)
from sacd.figures.claim import cohorts_forest, components_table, conclusion, rows_table, tests_table
from sacd.figures.words import counted
from sacd.locks import alone
from sacd.metrics import SCORES
from sacd.paths import ROOT
from sacd.progress import duration
from sacd.report.html import render
from sacd.runs.forecast import predicted_seconds
from sacd.runs.store import RunStore
from sacd.simulate.beside import Place, ensure
from sacd.simulate.planned import simulation_seconds

OUT, REFERENCE, WORK = ROOT / "reports" / "claim", ROOT / "reports" / "reference" / "claim", ROOT / "data" / "claim"
METRICS = ("accuracy", "macro_f1", "kappa")
SIDE_BY_SIDE = 2


class Confirmation:
    """A stage in preparation.

    Parameters
    ----------
    stage : {"A", "B"}
    out : path, optional
        By default ``reports/claim``.
    first_seed : int, optional
        Of the cohorts; by default the design's.
    coupling : str, optional
        Of the cohorts; by default the design's first.
    design : Design, optional
        By default that of the package.
    frozen : path
        What stage A fixed.
    work : path, optional
        Where cohorts and runs lie while they are needed.

    Raises
    ------
    SacdError
        Seeds or a coupling that are not this stage's. Of stage B: nothing is fixed, the method has changed since, the
        code is in no commit, or one of the cohorts has been looked at already.
    """

    def __init__(
        self, stage: StageName, out: Path | None = None, first_seed: int | None = None, coupling: str | None = None,
        design: Design | None = None, frozen: Path = FROZEN, work: Path = WORK,
    ) -> None:
        self.design = load_design() if design is None else design
        self.stage, self.out, self.work = stage, Path(out or OUT), Path(work)
        self.coupling = coupling or next(iter(self.design.stages[stage].cohorts))
        self.cohorts = self.design.cohorts(stage, self.coupling, first_seed)
        self.seeds = self.design.stages[stage].seeds
        self.digest = digest(self.design)
        self.name = f"stage-{stage}-{self.coupling}-{self.cohorts[0]}"
        self.earlier: list[dict[str, Any]] = []
        self.frozen, self.commit = None, ""
        if stage == "B":
            self.frozen, self.commit = read_frozen(self.design, frozen), commit_of()
            self._check_fresh()

    def _check_fresh(self) -> None:
        """Refuse cohorts that a finished stage B, or another method, has been tested on."""
        for folder in (self.out, REFERENCE):
            self.earlier += [json.loads(file.read_text()) for file in sorted(folder.glob("stage-B-*.json"))]
        seen = {seed for result in self.earlier if result["coupling"] == self.coupling for seed in result["cohorts"]}
        others = self.out.glob(f"counts/*/B-{self.coupling}-*.parquet")
        seen |= {int(file.stem.split("-")[-1]) for file in others if file.parent.name != self.digest}
        if again := seen.intersection(self.cohorts):
            raise SacdError(
                f"{self.out}: stage B has looked at the {self.coupling} cohort of seed {min(again)} already, and it "
                f"runs once; for a repeat on fresh cohorts say --seed {max(seen.union(self.cohorts)) + 1}"
            )

    def _counts_file(self, seed: int) -> Path:
        return self.out / "counts" / self.digest / f"{self.stage}-{self.coupling}-{seed}.parquet"

    def _folder(self, seed: int) -> Path:
        return self.work / f"{self.stage}-{self.digest}-{self.coupling}-{seed}"

    def _place(self, seed: int) -> Place:
        return self.design.place(self._folder(seed) / "cohort", self.coupling, seed)

    def plan(self) -> pd.DataFrame:
        """A row a cohort: its seed, done, and the predicted seconds to simulate it and to train on it."""
        rows = []
        for seed in self.cohorts:
            done, seconds = self._counts_file(seed).exists(), 0.0
            if not done:
                folder = self._folder(seed)
                cohort, store = self._place(seed).open_or_plan(), _store(folder)
                wanted = runs.closure(run for *_, run in stage_runs(self.design, cohort, self.seeds))
                seconds = sum(predicted_seconds(run, cohort, store) for run in wanted) / runs.workers()
                seconds += 0 if cohort.path.exists() else simulation_seconds(cohort) / SIDE_BY_SIDE
            rows.append({"seed": seed, "done": done, "seconds": seconds})
        return pd.DataFrame(rows)

    def run(self) -> Path:
        """Do what is missing, and write the result; returns its page."""
        with alone(self.out / self.name, "runs this stage"):
            begun, absent = time.monotonic(), self._absent()
            for number, seed in enumerate(absent):
                spent = time.monotonic() - begun
                left = f", {duration(spent / number * (len(absent) - number))} left" if number else ""
                place = f"cohort {number + 1} of {len(absent)} ({self.coupling}, seed {seed})"
                print(f"stage {self.stage}: {place}{left}", file=sys.stderr, flush=True)
                # One process simulates a cohort, so that two are made side by side.
                if number % SIDE_BY_SIDE == 0:
                    ensure(self._place(each) for each in absent[number : number + SIDE_BY_SIDE])
                self._do(seed)
            return self._write()

    def _absent(self) -> list[int]:
        return [seed for seed in self.cohorts if not self._counts_file(seed).exists()]

    def _do(self, seed: int) -> None:
        """Simulate one cohort, train on it, keep its counts, remove it with its runs."""
        folder, file = self._folder(seed), self._counts_file(seed)
        (cohort,) = ensure([self._place(seed)])
        found = count_rows(self.design, cohort, self.seeds, _store(folder))
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(".aside")
        found.to_parquet(aside, index=False)
        os.replace(aside, file)
        shutil.rmtree(folder)

    def _write(self) -> Path:
        counts = {seed: pd.read_parquet(self._counts_file(seed)) for seed in self.cohorts}
        table = pd.concat(
            [scores(part, METRICS).assign(coupling=self.coupling, cohort=str(seed)) for seed, part in counts.items()],
            ignore_index=True,
        )
        components = self.frozen["components"] if self.frozen else self._components(list(counts.values()))
        primary = table[self._is_primary(table)]
        resolution = self._resolution(components, len(self.cohorts), self.seeds)
        tests = confirm(primary, self.design.order, resolution).assign(coupling=self.coupling)
        share = gap_closed(*(_by_cohort(primary, row) for row in (OURS, CE, CE_ALL)))
        result = {
            "stage": self.stage, "date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": self.commit,
            "digest": self.digest, "coupling": self.coupling, "cohorts": self.cohorts, "seeds": self.seeds,
            "components": components, "tests": tests.to_dict("records"), "gap_closed": share and asdict(share),
        }
        self.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(self.out / f"{self.name}.csv", index=False)
        (self.out / f"{self.name}.json").write_text(json.dumps(result, indent=1))
        if self.stage == "A":
            fixed = {name: result[name] for name in ("date", "digest", "coupling", "cohorts", "seeds", "components")}
            (self.out / "frozen.json").write_text(json.dumps(fixed, indent=1))
        words = conclusion(tests, share, self.coupling, len(self.cohorts))
        return self._page(table, tests, components, words)

    def _is_primary(self, table: pd.DataFrame) -> pd.Series:
        first = next(iter(self.design.students))
        return (table["student"] == first) & (table["decision"] == self.design.decisions[0])

    def _components(self, counts: list[pd.DataFrame]) -> dict[str, dict[str, float]]:
        """Variance components of each test's differences on these cohorts."""
        return {
            test.name: asdict(
                variance_components(
                    np.stack([self._differences(part, test.row, test.reference, test.metric) for part in counts])
                )
            )
            for test in self.design.order
        }

    def _resolution(self, components: dict[str, dict[str, float]], cohorts: int, seeds: int) -> dict[str, float]:
        """What so many cohorts and seeds resolve, a test."""
        people = self.design.cohort["test"]
        return {test: resolvable(Components(**of), cohorts, seeds, people) for test, of in components.items()}

    def _differences(self, counts: pd.DataFrame, row: str, reference: str, metric: str) -> np.ndarray:
        """Paired differences of a cohort, ndarray [S, P]."""
        names, found = matrices(counts[self._is_primary(counts)])
        of = dict(zip(names["row"], found, strict=True))
        each = [pseudo_values(of[name], SCORES[metric].of) for name in (row, reference)]
        return each[0] - each[1]

    def _page(self, table: pd.DataFrame, tests: pd.DataFrame, components: dict, words: list[str]) -> Path:
        label = f"{counted(len(self.cohorts), 'cohort')}, {self.coupling} coupling (simulated)"
        forest = cohorts_forest(table[self._is_primary(table)], tests, label)
        stage = self.design.stages["B"]
        cohorts = next(iter(stage.cohorts.values()))
        varied = components_table(
            components, self._resolution(components, cohorts, stage.seeds), self.design.order,
            f"{counted(cohorts, 'cohort')} × {counted(stage.seeds, 'seed')}", label,
        )  # fmt: skip
        made = f"Stage {self.stage}, {datetime.now(UTC):%Y-%m-%d}, method {self.digest}, cohorts of the seeds "
        made += f"{min(self.cohorts)} to {max(self.cohorts)}; {self.seeds} training seeds"
        made += f"; commit {self.commit}." if self.commit else "."
        if self.stage == "A":
            words = ["Development cohorts: what is said here chooses and fixes a method, and confirms nothing.", *words]
            made += f" To fix the method: copy {self.out / 'frozen.json'} to {FROZEN.relative_to(ROOT)} and commit it."
        for result in self.earlier:
            made += f" Stage B was run before, on {result['date'][:10]}, {result['coupling']} coupling, seeds "
            made += f"{min(result['cohorts'])} to {max(result['cohorts'])}."
        page = self.out / f"{self.name}.html"
        parts = [tests_table(tests, label), picture(forest), rows_table(table, label), varied]
        title = "Confirmation" if self.stage == "B" else "Development: variance components"
        page.write_text(
            render("claim.html", title=title, label=label, simulated=True, words=words, parts=parts, made=made)
        )
        return page


def _store(folder: Path) -> RunStore:
    return RunStore(folder / "runs")


def _by_cohort(part: pd.DataFrame, row: str) -> np.ndarray:
    own = part[(part["metric"] == "accuracy") & (part["row"] == row)]
    return own.sort_values("cohort")["value"].to_numpy()


def count_rows(design: Design, cohort: Cohort, seeds: int, store: RunStore) -> pd.DataFrame:
    """Train the tested rows on a cohort, and count what they say; `sacd.analysis.counts.COLUMNS` and `clips`.

    Raises
    ------
    SacdError
        A run failed.
    """
    named = stage_runs(design, cohort, seeds)
    table = runs.ensure(cohort, [run for *_, run in named], store)
    parts = []
    for index, (row, student, _) in enumerate(named):
        predicted = runs.predictions(table.iloc[[index]], decision=design.decisions)
        parts.append(count(predicted.assign(row=row, student=student)))
    return pd.concat(parts, ignore_index=True)


def picture(figure: Figure) -> str:
    """A figure as an image that a page holds itself."""
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return f'<img alt="figure" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'
