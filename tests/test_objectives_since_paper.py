"""DKD, DIST, C²KD, SoftMatch, logit-adjusted KD: against loops, values worked out by hand, and what must not matter."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from objective_pairs import context, make_pair, step
from test_objectives_predictions import close, kl, slow_ce, softmax

from sacd.objectives import OBJECTIVES, build_objective
from sacd.objectives.base import Context, Pair
from sacd.objectives.c2kd import rank_correlation
from sacd.objectives.dist import uncorrelated
from sacd.objectives.kd import softened_kl


def rows(pair: Pair) -> list[tuple[list[float], list[float], int]]:
    """Student's logits, teacher's logits and label of each clip, the teacher's argmax where it has none."""
    found = []
    for s, t, label in zip(pair.student_logits.tolist(), pair.teacher_logits.tolist(), pair.label.tolist(), strict=True):
        found.append((s, t, label if label >= 0 else t.index(max(t))))
    return found


def without(values: list[float], index: int) -> list[float]:
    return values[:index] + values[index + 1 :]


def test_what_was_published_after_the_paper_is_marked() -> None:
    assert {name for name in OBJECTIVES if OBJECTIVES[name].since_paper} == {"dkd", "dist", "c2kd", "softmatch", "la-kd"}


# --- DKD ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["mixed", "one", "none"])
def test_dkd(labels: str) -> None:
    pair = make_pair(labels=labels)
    options = {"target": 0.5, "others": 3.0, "temperature": 2.5, "ce_weight": 0.2}
    terms = build_objective("dkd", context(), options)(pair)
    target = others = 0.0
    for s, t, k in rows(pair):
        p, q = softmax(t, 2.5), softmax(s, 2.5)
        target += 6.25 * kl([p[k], 1 - p[k]], [q[k], 1 - q[k]]) / 16
        others += 6.25 * kl(softmax(without(t, k), 2.5), softmax(without(s, k), 2.5)) / 16
    close(terms["target"], 0.5 * target)
    close(terms["others"], 3.0 * others)
    close(terms["ce"], 0.2 * slow_ce(pair))


def test_dkd_of_one_clip_is_kd_where_the_other_classes_weigh_what_the_teacher_leaves_them() -> None:
    pair = make_pair(batch=1, labels=[3])
    left = 1 - (pair.teacher_logits / 4).softmax(1)[0, 3].item()
    terms = build_objective("dkd", context(), {"others": left})(pair)
    kd = softened_kl(pair.student_logits, pair.teacher_logits, 4.0).mean()
    torch.testing.assert_close(terms["target"] + terms["others"], kd)


def test_dkd_by_hand() -> None:
    # Target 0, T = 1. Teacher (½, ¼, ¼), student (¼, ½, ¼): b = (½, ½) and (¼, ¾); others (½, ½) and (⅔, ⅓).
    pair = Pair(
        torch.zeros(1, 2), torch.tensor([[0.25, 0.5, 0.25]]).log(), torch.tensor([0]),
        teacher_logits=torch.tensor([[0.5, 0.25, 0.25]]).log(),
    )
    terms = build_objective("dkd", Context(1, 2, 2, n_classes=3), {"others": 1.0, "temperature": 1.0})(pair)
    close(terms["target"], 0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    close(terms["others"], 0.5 * math.log(3 / 4) + 0.5 * math.log(3 / 2))


def test_dkd_of_certain_and_opposed_predictions_has_a_finite_gradient() -> None:
    student = torch.tensor([[1000.0, 0.0, 0.0]], requires_grad=True)
    pair = Pair(torch.zeros(1, 2), student, torch.tensor([-1]), teacher_logits=torch.tensor([[0.0, 1000.0, 0.0]]))
    step(build_objective("dkd", Context(1, 2, 2, n_classes=3)), pair)
    assert student.grad.isfinite().all() and student.grad.any()


# --- DIST --------------------------------------------------------------------------------------------------------


def pearson(x: list[float], y: list[float]) -> float:
    mx, my = sum(x) / len(x), sum(y) / len(y)
    over = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return over / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def test_dist() -> None:
    pair = make_pair()
    options = {"inter": 0.5, "intra": 3.0, "temperature": 2.0, "weight": 0.7}
    terms = build_objective("dist", context(), options)(pair)
    student = [softmax(s, 2.0) for s, _, _ in rows(pair)]
    teacher = [softmax(t, 2.0) for _, t, _ in rows(pair)]
    inter = sum(1 - pearson(s, t) for s, t in zip(student, teacher, strict=True)) / 16
    columns = zip(zip(*student, strict=True), zip(*teacher, strict=True), strict=True)
    intra = sum(1 - pearson(list(s), list(t)) for s, t in columns) / 5
    close(terms["inter"], 0.7 * 4 * 0.5 * inter)
    close(terms["intra"], 0.7 * 4 * 3.0 * intra)
    close(terms["ce"], slow_ce(pair))


def test_dist_by_hand() -> None:
    first = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.0, 1.0, 1.0]])
    second = torch.tensor([[2.0, 4.0, 6.0], [3.0, 2.0, 1.0], [1.0, 1.0, 0.0]])
    close(uncorrelated(first, second, dim=1), (0 + 2 + 1.5) / 3)  # ρ = 1, −1, −½


def test_dist_asks_only_that_predictions_vary_together() -> None:
    values = torch.rand(6, 5)
    close(uncorrelated(values, 0.3 * values + 2.0, dim=1), 0.0)
    close(uncorrelated(values, 0.3 * values + 2.0, dim=0), 0.0)


def test_dist_of_predictions_that_do_not_vary_has_a_finite_gradient() -> None:
    student = torch.zeros(4, 5, requires_grad=True)
    pair = Pair(torch.zeros(4, 2), student, torch.full((4,), -1), teacher_logits=torch.tensor([[9.0, 0, 0, 0, 0]] * 4))
    terms = build_objective("dist", context())(pair)
    assert [terms["inter"].item(), terms["intra"].item()] == [1.0, 1.0]
    (terms["inter"] + terms["intra"]).backward()
    assert student.grad.isfinite().all()


# --- C²KD --------------------------------------------------------------------------------------------------------


def tau(x: list[float], y: list[float]) -> float:
    pairs = list(itertools.combinations(range(len(x)), 2))
    return sum(math.copysign(1, (x[i] - x[j]) * (y[i] - y[j])) for i, j in pairs) / len(pairs)


@pytest.mark.parametrize("labels", ["mixed", "none"])
def test_c2kd(labels: str) -> None:
    pair = make_pair(labels=labels)
    objective = build_objective("c2kd", context(), {"weight": 0.6, "threshold": 0.1})
    terms = objective(pair)
    student = objective.student_proxy(pair.student_features).tolist()
    teacher = objective.teacher_proxy(pair.teacher_features).tolist()
    own = guided = between = 0.0
    selected = 0
    for (s, t, k), sp, tp in zip(rows(pair), student, teacher, strict=True):
        own += (kl(softmax(s), softmax(sp)) + kl(softmax(sp), softmax(s))) / 16
        guided += kl(softmax(t), softmax(tp)) / 16
        if tau(sp, tp) > 0.1:
            selected += 1
            p, q = softmax(without(sp, k)), softmax(without(tp, k))
            between += (kl(p, q) + kl(q, p)) / 16
    assert 0 < selected < 16
    close(terms["student"], 0.6 * own)
    close(terms["teacher"], 0.6 * guided)
    close(terms["between"], 0.6 * between)
    close(terms["ce"], slow_ce(pair))


def test_rank_correlation_by_hand() -> None:
    order = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    found = [rank_correlation(order, torch.tensor([other])).item() for other in (
        [10.0, 20.0, 30.0, 90.0], [4.0, 3.0, 2.0, 1.0], [2.0, 1.0, 3.0, 4.0], [1.0, 1.0, 3.0, 4.0],
    )]
    assert found == pytest.approx([1.0, -1.0, 4 / 6, 5 / 6])  # one of six pairs the other way round, one tied


def test_c2kd_teaches_in_both_directions_and_each_only_the_learner() -> None:
    pair = make_pair()
    objective = build_objective("c2kd", context(), {"threshold": -1.0})
    terms = objective(pair)

    def reaches(term: str, *leaves: torch.Tensor) -> list[bool]:
        found = torch.autograd.grad(terms[term], leaves, retain_graph=True, allow_unused=True)
        return [gradient is not None and bool(gradient.any()) for gradient in found]

    proxies = objective.student_proxy[0].weight, objective.teacher_proxy[0].weight
    leaves = pair.student_logits, pair.student_features, *proxies
    assert reaches("student", *leaves) == [True, True, True, False]
    assert reaches("teacher", *leaves) == [False, False, False, True]
    assert reaches("between", *leaves) == [False, True, True, True]


def test_c2kd_without_a_selected_clip_distils_nothing_between_the_proxies() -> None:
    terms = build_objective("c2kd", context(), {"threshold": 1.0})(make_pair())
    assert terms["between"].item() == 0.0 and terms["student"].item() > 0


# --- SoftMatch ---------------------------------------------------------------------------------------------------


def test_softmatch() -> None:
    objective = build_objective("softmatch", context(), {"weight": 0.6, "momentum": 0.8, "width": 3.0})
    prior: list[float] = []
    mean = variance = math.nan
    for seed in range(4):
        pair = make_pair(seed=seed, labels=[0, 1, 2, 3] + 12 * [-1] if seed != 2 else 15 * [2] + [-1])
        terms = objective(pair)
        unlabelled = [(s, softmax(t)) for s, t, label in zip(
            pair.student_logits.tolist(), pair.teacher_logits.tolist(), pair.label.tolist(), strict=True
        ) if label < 0]
        n = len(unlabelled)
        past = 0.8 if prior else 0.0
        if n > 1:
            batch = [sum(q[c] for _, q in unlabelled) / n for c in range(5)]
            prior = [past * a + (1 - past) * b for a, b in zip(prior or batch, batch, strict=True)]
        aligned = []
        for _, q in unlabelled:
            raw = [p / (average + 1e-6) for p, average in zip(q, prior, strict=True)]
            aligned.append(max(raw) / sum(raw))
        if n > 1:
            own = sum(aligned) / n
            spread = sum((a - own) ** 2 for a in aligned) / (n - 1)
            mean = own if not past else past * mean + (1 - past) * own
            variance = spread if not past else past * variance + (1 - past) * spread
        expected = 0.0
        for (s, q), sure in zip(unlabelled, aligned, strict=True):
            weight = math.exp(-((sure - mean) ** 2) * 9 / (2 * variance)) if sure < mean else 1.0
            expected -= weight * math.log(softmax(s)[q.index(max(q))]) / 16
        close(terms["softmatch"], 0.6 * expected)
        close(terms["ce"], slow_ce(pair))
    assert objective.mean.item() == pytest.approx(mean) and objective.variance.item() == pytest.approx(variance)


def test_softmatch_weight_by_hand() -> None:
    objective = build_objective("softmatch", Context(1, n_classes=2)).eval()
    objective.mean.fill_(0.8)
    objective.variance.fill_(0.04)
    weight = objective.clip_weight(torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]]), torch.ones(3))
    torch.testing.assert_close(weight, torch.tensor([1.0, 1.0, math.exp(-2.0)]), rtol=1e-4, atol=1e-4)  # (0.2/0.1)²/2


def test_softmatch_takes_the_teachers_decision_and_not_the_aligned_one() -> None:
    """A teacher that always says the first class: aligned, its first class is nothing special."""
    sure = torch.tensor([[2.0, 0.0, 0.0, 0.0, 0.0]] * 8)
    pair = replace(make_pair(batch=8, labels="none"), teacher_logits=sure)
    term = build_objective("softmatch", context())(pair)["softmatch"]
    close(term, -sum(math.log(softmax(s)[0]) for s in pair.student_logits.tolist()) / 8)


def test_softmatch_with_labels_alone_moves_nothing() -> None:
    objective = build_objective("softmatch", context())
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    assert objective(make_pair(labels="all"))["softmatch"].item() == 0.0
    assert all(torch.equal(value, before[name]) for name, value in objective.state_dict().items())


# --- logit-adjusted KD -------------------------------------------------------------------------------------------


def test_la_kd() -> None:
    label = torch.tensor([0, 0, 0, 1, -1, -1])
    teacher = torch.randn(6, 5)
    about = replace(context(), n_clips=6, label=label, teacher_logits=teacher)
    counts = [3.0, 1.0, 0.0, 0.0, 0.0]
    for n in (4, 5):
        counts = [a + b for a, b in zip(counts, softmax(teacher[n].tolist()), strict=True)]
    prior = [(count + 1) / 11 for count in counts]
    pair = make_pair()
    terms = build_objective("la-kd", about, {"temperature": 2.0, "tau": 0.5})(pair)
    offset = torch.tensor([0.5 * math.log(p) for p in prior])
    adjusted = replace(pair, student_logits=(pair.student_logits + offset).detach())
    kd = sum(4 * kl(softmax(t, 2.0), softmax(s, 2.0)) / 16 for s, t, _ in rows(adjusted))
    close(terms["kd"], 0.9 * kd)
    close(terms["ce"], 0.1 * slow_ce(adjusted))


def test_la_kd_without_anything_known_of_the_clips_is_kd() -> None:
    pair = make_pair()
    ours, theirs = (build_objective(name, context())(pair) for name in ("la-kd", "kd"))
    for term, value in theirs.items():
        torch.testing.assert_close(ours[term], value)
