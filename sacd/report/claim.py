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
    design : Design, optional
        By default that of the package.
    frozen : path
        What stage A fixed.
    work : path, optional
        Where cohorts and runs lie while they are needed.

    Raises
    ------
    SacdError
        Seeds that are not this stage's. Of stage B: nothing is fixed, the method has changed since, the code is in no
        commit, or one of the cohorts has been looked at already.
    """

    def __init__(
        self, stage: StageName, out: Path | None = None, first_seed: int | None = None, design: Design | None = None,
        frozen: Path = FROZEN, work: Path = WORK,
    ) -> None:
        self.design = load_design() if design is None else design
        self.stage, self.out, self.work = stage, Path(out or OUT), Path(work)
        self.cohorts = self.design.cohorts(stage, first_seed)
        self.seeds = self.design.stages[stage].seeds
        self.digest = digest(self.design)
        self.name = f"stage-{stage}-{self.cohorts[0][1]}"
        self.earlier: list[dict[str, Any]] = []
        self.frozen, self.commit = None, ""
        if stage == "B":
            self.frozen, self.commit = read_frozen(self.design, frozen), commit_of()
            self._check_fresh()

    def _check_fresh(self) -> None:
        """Refuse cohorts that a finished stage B, or another method, has been tested on."""
        own = {seed for _, seed in self.cohorts}
        for folder in (self.out, REFERENCE):
            self.earlier += [json.loads(file.read_text()) for file in sorted(folder.glob("stage-B-*.json"))]
        seen = {pair[1] for result in self.earlier for pair in result["cohorts"]}
        others = self.out.glob("counts/*/B-*.parquet")
        seen |= {int(file.stem.split("-")[-1]) for file in others if file.parent.name != self.digest}
        if again := own & seen:
            raise SacdError(
                f"{self.out}: stage B has looked at the cohort of seed {min(again)} already, and it runs once; "
                f"for a repeat on fresh cohorts say --seed {max(own | seen) + 1}"
            )

    def _counts_file(self, coupling: str, seed: int) -> Path:
        return self.out / "counts" / self.digest / f"{self.stage}-{coupling}-{seed}.parquet"

    def _folder(self, coupling: str, seed: int) -> Path:
        return self.work / f"{self.stage}-{self.digest}-{coupling}-{seed}"

    def _place(self, coupling: str, seed: int) -> Place:
        return self.design.place(self._folder(coupling, seed) / "cohort", coupling, seed)

    def plan(self) -> pd.DataFrame:
        """A row a cohort: coupling, seed, done, and the predicted seconds to simulate it and to train on it."""
        rows = []
        for coupling, seed in self.cohorts:
            done, seconds = self._counts_file(coupling, seed).exists(), 0.0
            if not done:
                folder = self._folder(coupling, seed)
                cohort, store = self._place(coupling, seed).open_or_plan(), _store(folder)
                wanted = runs.closure(run for *_, run in stage_runs(self.design, cohort, self.seeds))
                seconds = sum(predicted_seconds(run, cohort, store) for run in wanted) / runs.workers()
                seconds += 0 if cohort.path.exists() else simulation_seconds(cohort) / SIDE_BY_SIDE
            rows.append({"coupling": coupling, "seed": seed, "done": done, "seconds": seconds})
        return pd.DataFrame(rows)

    def run(self) -> Path:
        """Do what is missing, and write the result; returns its page."""
        with alone(self.out / self.name, "runs this stage"):
            begun, absent = time.monotonic(), self._absent()
            for number, (coupling, seed) in enumerate(absent):
                spent = time.monotonic() - begun
                left = f", {duration(spent / number * (len(absent) - number))} left" if number else ""
                place = f"cohort {number + 1} of {len(absent)} ({coupling}, seed {seed})"
                print(f"stage {self.stage}: {place}{left}", file=sys.stderr, flush=True)
                # One process simulates a cohort, so that two are made side by side.
                if number % SIDE_BY_SIDE == 0:
                    ensure(self._place(*pair) for pair in absent[number : number + SIDE_BY_SIDE])
                self._do(coupling, seed)
            return self._write()

    def _absent(self) -> list[tuple[str, int]]:
        return [pair for pair in self.cohorts if not self._counts_file(*pair).exists()]

    def _do(self, coupling: str, seed: int) -> None:
        """Simulate one cohort, train on it, keep its counts, remove it with its runs."""
        folder, file = self._folder(coupling, seed), self._counts_file(coupling, seed)
        (cohort,) = ensure([self._place(coupling, seed)])
        found = count_rows(self.design, cohort, self.seeds, _store(folder))
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(".aside")
        found.to_parquet(aside, index=False)
        os.replace(aside, file)
        shutil.rmtree(folder)

    def _write(self) -> Path:
        counts = {pair: pd.read_parquet(self._counts_file(*pair)) for pair in self.cohorts}
        table = pd.concat(
            [scores(part, METRICS).assign(coupling=coupling, cohort=str(seed)) for (coupling, seed), part in
             counts.items()], ignore_index=True,
        )  # fmt: skip
        tested = self.cohorts[0][0]
        components = (
            self._components([part for (coupling, _), part in counts.items() if coupling == tested])
            if self.frozen is None else self.frozen["components"]
        )
        primary = table[self._is_primary(table)]
        tests, words, gaps = [], [], {}
        for coupling, part in primary.groupby("coupling", sort=False):
            resolution = self._resolution(components, part["cohort"].nunique(), self.seeds)
            found = confirm(part, self.design.order, resolution).assign(coupling=coupling)
            share = gap_closed(*(_by_cohort(part, row) for row in (OURS, CE, CE_ALL)))
            gaps[coupling] = share and asdict(share)
            words += conclusion(found, share, coupling, part["cohort"].nunique())
            tests.append(found)
        result = {
            "stage": self.stage, "date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": self.commit,
            "digest": self.digest, "cohorts": self.cohorts, "seeds": self.seeds, "components": components,
            "tests": pd.concat(tests).to_dict("records"), "gap_closed": gaps,
        }
        self.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(self.out / f"{self.name}.csv", index=False)
        (self.out / f"{self.name}.json").write_text(json.dumps(result, indent=1))
        if self.stage == "A":
            fixed = {name: result[name] for name in ("date", "digest", "cohorts", "seeds", "components")}
            (self.out / "frozen.json").write_text(json.dumps(fixed, indent=1))
        return self._page(table, pd.concat(tests, ignore_index=True), components, words)

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
        coupling = self.cohorts[0][0]
        label = f"{len(self.cohorts)} cohorts (simulated)"
        first = table[self._is_primary(table) & (table["coupling"] == coupling)]
        shown = f"{counted(first['cohort'].nunique(), 'cohort')}, {coupling} coupling (simulated)"
        forest = cohorts_forest(first, tests[tests["coupling"] == coupling], shown)
        stage = self.design.stages["B"]
        cohorts = next(iter(stage.cohorts.values()))
        varied = components_table(
            components, self._resolution(components, cohorts, stage.seeds), self.design.order,
            f"{counted(cohorts, 'cohort')} × {counted(stage.seeds, 'seed')}", label,
        )  # fmt: skip
        made = f"Stage {self.stage}, {datetime.now(UTC):%Y-%m-%d}, method {self.digest}, cohorts of the seeds "
        made += f"{', '.join(f'{seed} ({coupling})' for coupling, seed in self.cohorts)}; {self.seeds} training seeds"
        made += f"; commit {self.commit}." if self.commit else "."
        if self.stage == "A":
            words = ["Development cohorts: what is said here chooses and fixes a method, and confirms nothing.", *words]
            made += f" To fix the method: copy {self.out / 'frozen.json'} to {FROZEN.relative_to(ROOT)} and commit it."
        for result in self.earlier:
            seeds = [seed for _, seed in result["cohorts"]]
            made += f" Stage B was run before, on {result['date'][:10]}, seeds {min(seeds)} to {max(seeds)}."
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
