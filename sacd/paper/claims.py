"""What the paper claims, as data: the sentence, its place, the measurements it asks for, the figures printed for them.

Figures are taken from the paper's tables (`sacd.paper.printed`), as fractions; where its text or its other numbers do
not fit, `doubts` names the statement of `sacd.paper.inconsistencies`.
"""

import pandas as pd

from sacd.paper import printed as paper
from sacd.paper.claim_type import EEG, VIDEO, Claim, Evidence, Printed, point
from sacd.paper.consistency import inconsistencies

MARGIN = 0.01
"""What "near" may mean, chosen here before any result: at most 1 point of accuracy less. The paper gives no margin."""

OTHERS = ("FitNet", "PKT", "CRD", "IFD", "CMC")
OTHER_TEACHERS = ("DeepSleepNet", "modified SEN")


def contradictions(claim: Claim) -> pd.DataFrame:
    """Rows of `sacd.paper.inconsistencies` that bear on a claim."""
    table = inconsistencies()
    return table[table["statement"].isin(claim.doubts)]


def doubted() -> pd.DataFrame:
    """Every contradiction that bears on a claim: `claim` (its text), then the columns of `inconsistencies`."""
    found = [contradictions(claim).assign(claim=claim.text) for claim in claims() if claim.doubts]
    return pd.concat(found, ignore_index=True)[["claim", "statement", "printed", "recomputed", "unit", "note"]]


def _stated_points() -> tuple[list[Evidence], list[Evidence]]:
    """The chosen λ against the other points that section VI-B1 states: those up to 1, and those of 10."""
    stated = paper.figure_5().groupby(["lambda1", "lambda2", "lambda3"])["accuracy"].first() / 100
    best = tuple(paper.LAMBDAS.values())
    evidence = {
        lambdas: Evidence("difference", point(best), point(lambdas), printed=float(stated[best] - accuracy))
        for lambdas, accuracy in stated.items()
        if lambdas != best
    }
    high = max(map(max, evidence))
    return (
        [found for lambdas, found in evidence.items() if max(lambdas) < high],
        [found for lambdas, found in evidence.items() if max(lambdas) == high],
    )


def _common_error(stage: str, other: str) -> Evidence:
    """Fig. 13 shows no figures."""
    return Evidence("common error", "SACD", metric="", stage=stage, other=other)


def claims() -> tuple[Claim, ...]:
    """Every claim of the paper's abstract, results and conclusion that a measurement could bear on, in its order."""
    rows = Printed()
    near, collapsed = _stated_points()
    confused = dict(paper.figure_13().itertuples(index=False))
    rest = {stage: other for stage, other in confused.items() if stage != "REM"}
    ce_recalls = "accuracy of R(2+1)D, from its recalls and the stage mix (Table II)"
    sacd_recalls = "accuracy of SACD with AttnSleep, from its recalls and the stage mix (Table II)"
    kappa = (
        "chance agreement that R(2+1)D's accuracy and κ imply (Table II), against the least that its recalls and the "
        "stage mix allow"
    )
    v0 = "accuracy of CE alone, Table V's v0 against Table II's R(2+1)D"
    eeg = "accuracy of the EEG teacher in Table IV, beside experiments on the test set"
    b, f = (f"accuracy of experiment {where} against Table IV" for where in ("B, V-D", "F, V-D (on G)"))
    gains = tuple(f"SACD's gain over the baseline with {teacher} (V-C)" for teacher in ("DeepSleepNet", "Modified-SEN"))
    later = "not measured here yet"
    return (
        Claim(
            "sacd-baseline",
            "SACD is better than the video baseline",
            "V-C, Table II",
            tuple(rows.over("CE", metric) for metric in ("accuracy", "macro_f1", "kappa")),
            doubts=(ce_recalls, sacd_recalls, kappa),
        ),
        Claim(
            "sacd-ccl",
            "SACD is better than its closest rival, CCL",
            "V-C, Table II",
            tuple(rows.over("CCL", metric) for metric in ("accuracy", "macro_f1", "kappa")),
        ),
        Claim(
            "sacd-others",
            "SACD outperforms the other distillation methods",
            "abstract, V-C, Table II",
            tuple(rows.over(other) for other in OTHERS),
        ),
        Claim(
            "sacd-teachers",
            "SACD gains with other EEG teachers too",
            "V-C, Table II",
            tuple(rows.over(other, teacher=teacher) for other in ("CE", "CCL") for teacher in OTHER_TEACHERS),
            doubts=gains,
        ),
        Claim(
            "video-alone",
            "Stages can be told from infrared video alone",
            "V-C, VII",
            (Evidence("value", "SACD", metric="kappa", printed=rows.method("SACD", "kappa")),),
            doubts=(kappa,),
            note="read as κ above 0; the paper says “reasonable accuracy”",
            of_video=True,
        ),
        Claim(
            "terms",
            "Each loss term helps (v1 without L_D, v3 without L_C, v2 without JSD)",
            "VI-A, Table V",
            tuple(rows.without(row) for row in ("v1", "v3", "v2")),
            doubts=(v0,),
        ),
        Claim(
            "two-way",
            "Hard negatives in two directions help more than in one (v4)",
            "VI-A, Table V",
            (rows.without("v4"),),
        ),
        Claim(
            "lambda-best",
            "λ = (0.5, 1, 1) is better than its neighbours",
            "VI-B1, Fig. 5",
            tuple(near),
            doubts=("loss of accuracy from (λ1, λ3) = (0.5, 1) to (1, 1) (VI-B1)",),
            note="against the points whose accuracy the text states; on validation participants",
        ),
        Claim(
            "lambda-collapse",
            "Accuracy collapses where λ2 and λ3 are 10",
            "VI-B1",
            tuple(collapsed),
            note="on validation participants",
        ),
        Claim(
            "n1-hardest",
            "N1 has the lowest recall, whatever the method",
            "VI-B2, Fig. 6",
            tuple(rows.hardest(system, "N1") for system in ("SACD", "CE", "CCL")),
        ),
        Claim(
            "rem-n1",
            f"REM is confused with {confused['REM']}: its most common error",
            "VI-B2, VI-D, Fig. 13",
            (_common_error("REM", confused["REM"]),),
            note="VI-B2 prints “W1”; its explanation and VI-D say N1",
        ),
        Claim(
            "confusions",
            "The most common errors of the others: " + ", ".join(f"{one} → {other}" for one, other in rest.items()),
            "VI-D, Fig. 13",
            tuple(_common_error(one, other) for one, other in rest.items()),
        ),
        Claim(
            "adjacent",
            "But for REM, adjacent stages are confused more than others",
            "VI-B2, Fig. 6",
            (Evidence("adjacent errors", "SACD", metric=""),),
        ),
        Claim(
            "rem-n3",
            "SACD tells REM and N3 better than CCL does",
            "VI-B2, VI-C",
            tuple(rows.over("CCL", f"recall_{stage}") for stage in ("REM", "N3")),
        ),
        Claim(
            "eeg-video",
            "EEG tells more than video",
            "V-D, Table IV",
            (rows.fused(EEG, VIDEO),),
            doubts=(eeg,),
            of_video=True,
        ),
        Claim(
            "fusion-released",
            "EEG and video together, trained end to end, are better than EEG alone (D, C)",
            "V-D, Table IV",
            tuple(rows.fused(f"Experiment {letter}", EEG) for letter in "DC"),
            doubts=(eeg,),
        ),
        Claim(
            "fusion-frozen",
            "A head on the frozen features of both adds a little to EEG alone (B, A)",
            "V-D, Table IV",
            tuple(rows.fused(f"Experiment {letter}", EEG) for letter in "BA"),
            doubts=(eeg, b),
        ),
        Claim(
            "reverse",
            "Distilling video into EEG improves EEG alone (F released, E frozen)",
            "V-D, Table IV",
            tuple(rows.fused(f"Experiment {letter}", EEG) for letter in "FE"),
            doubts=(eeg, f),
        ),
        Claim(
            "reverse-near",
            "Reverse distillation nears fusion (F nears D, E nears B)",
            "V-D, Table IV",
            tuple(rows.fused(f"Experiment {one}", f"Experiment {two}", -MARGIN) for one, two in ("FD", "EB")),
            doubts=(b, f),
            note=f"not inferior by more than {100 * MARGIN:g} point, a margin chosen here",
        ),
        Claim(
            "reverse-ccl",
            "Reverse distillation by SACD is better than by CCL (F, G)",
            "V-D, Table IV",
            (rows.fused("Experiment F", "Experiment G"),),
            doubts=(f,),
        ),
        Claim(
            "ucf51",
            "SACD is the best on UCF51 too, from audio to video",
            "abstract, V-C, Table III",
            unmeasured="needs the videos of UCF-101; the digits of notebook 08 are a sanity check",
        ),
        Claim(
            "dimensions",
            "Fusion by 512 and by 3,000 features differs little",
            "V-D",
            unmeasured=later,
        ),
        Claim(
            "clusters",
            "SACD's features lie in tighter clusters than CE's and CCL's",
            "VI-C, Fig. 10",
            unmeasured=f"{later} with an interval; notebook 11 draws the maps",
        ),
        Claim(
            "ahi",
            "A participant's mean N2 and N3 features go with the AHI, more than those of other stages",
            "VI-B3, Fig. 7",
            unmeasured=f"notebook 09 tests every stage; stages against each other: {later}",
        ),
        Claim(
            "portraits",
            "A feature portrait of N2 and N3 gives a rough guess of the AHI group",
            "VI-B3, Fig. 8 and 9",
            unmeasured="no verdict here; notebook 10 measures it, with controls",
        ),
    )
