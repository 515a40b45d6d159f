"""What holds for every objective: the registry, edge cases, gradients, order, resuming."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from objective_pairs import context, detached, make_pair, on_meta, reordered, step, student_leaves, teacher_leaves

from sacd.exceptions import SacdError
from sacd.objectives import OBJECTIVES, build_objective, load_objective, options_of
from sacd.objectives.base import Objective, Pair

NAMES = sorted(OBJECTIVES)
CORRECTED = ["ce+abc", "kd+abc", "kd+la", "sacd+abc", "self-training+abc"]


def build(name: str, **options: object) -> Objective:
    torch.manual_seed(3)
    return build_objective(name, context(), options)


def test_registry_names() -> None:
    assert set(NAMES) == {
        "ce", "label-smoothing", "kd", "jsd", "class-mean", "self-training", "pseudo-label", "oracle", "sacd",
        "fitnet", "pkt", "rkd", "crd", "ifd", "cmc", "ccl", "dkd", "dist", "c2kd", "softmatch", "la-kd",
        "night-kd",
    }
    titles = [OBJECTIVES[name].title for name in NAMES]
    assert len(set(titles)) == len(titles)
    assert all(OBJECTIVES[name].source for name in NAMES)
    assert all(OBJECTIVES[name].family != Objective.family for name in NAMES)
    assert load_objective("kd+abc").family == OBJECTIVES["kd"].family


def test_graph_library_is_imported_for_sacd_alone() -> None:
    code = (
        "import sys; from sacd.objectives import Context, OBJECTIVES, build_objective; "
        "classes = [OBJECTIVES[name] for name in OBJECTIVES]; build_objective('sacd', Context(9), {'structure': 0}); "
        "assert 'torch_geometric' not in sys.modules; build_objective('sacd', Context(9)); "
        "assert 'torch_geometric' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_published_defaults() -> None:
    assert options_of("kd") == {"temperature": 4.0, "weight": 0.9, "ce_weight": 0.1}
    sacd = options_of("sacd")
    assert (sacd["structure"], sacd["contrastive"], sacd["jsd"]) == (0.5, 1.0, 1.0)
    assert (sacd["bank_size"], sacd["negatives"], sacd["margin"]) == (256, 64, 0.2)
    assert options_of("ce") == {}
    assert options_of("dkd") == {"target": 1.0, "others": 8.0, "temperature": 4.0, "ce_weight": 1.0}
    assert options_of("dist") == {"weight": 1.0, "inter": 1.0, "intra": 1.0, "temperature": 1.0}
    assert options_of("c2kd") == {"weight": 1.0, "threshold": 0.0}
    assert options_of("softmatch") == {"weight": 1.0, "momentum": 0.999, "width": 2.0}
    assert options_of("la-kd") == {**options_of("kd"), "tau": 1.0}
    assert list(sacd) == [
        "structure", "contrastive", "jsd", "reading", "graph_margin", "bank_size", "negatives", "margin", "direction",
        "video_negatives", "reduction", "confidence",
    ]
    assert set(options_of("crd")) == {"weight", "negatives", "temperature", "momentum", "dim", "confidence"}
    with pytest.raises(TypeError, match="SACD has no option margins"):
        OBJECTIVES["sacd"](context(), margins=2)


def test_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(SacdError, match="unknown option 'temprature'; its options are: temperature, weight, ce_weight"):
        build_objective("kd", context(), {"temprature": 2})
    with pytest.raises(SacdError, match="its options are: none"):
        build_objective("ce", context(), {"weight": 2})
    with pytest.raises(SacdError, match="option 'weight' is 'much'; give a number"):
        build_objective("kd", context(), {"weight": "much"})


def test_unknown_objective() -> None:
    with pytest.raises(SacdError, match="unknown objective 'sacdd'; choose one of ce, "):
        load_objective("sacdd")


def test_objective_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from sacd.objectives.base import Objective, labelled_cross_entropy\n"
        "class Half(Objective):\n"
        "    def __init__(self, context, weight=0.5):\n"
        "        super().__init__(context)\n"
        "        self.weight = weight\n"
        "    def forward(self, pair):\n"
        "        return {'ce': self.weight * labelled_cross_entropy(pair.student_logits, pair.label)}\n"
    )
    pair = make_pair()
    mine = build_objective(f"{file}:Half", context(), {"weight": 0.25})
    assert options_of(f"{file}:Half") == {"weight": 0.5}
    torch.testing.assert_close(mine(pair)["ce"], 0.25 * build("ce")(pair)["ce"])


@pytest.mark.parametrize(
    ("text", "ask", "message"),
    [
        (None, "mine.py:Half", "no such file"),
        ("x = 1\n", "mine.py:Half", "has no class 'Half'"),
        ("class Half: ...\n", "mine.py:Half", "has no class 'Half' derived from"),
        ("class Half(:\n", "mine.py:Half", "cannot be imported"),
        ("import nowhere_to_be_found\n", "mine.py:Half", "cannot be imported"),
        ("raise RuntimeError('first\\nsecond')\n", "mine.py:Half", r"cannot be imported \(RuntimeError: first\)"),
        ("1 / 0\n", "mine.py:Half", "cannot be imported"),
        ("raise SystemExit\n", "mine.py:Half", "cannot be imported"),
    ],
)
def test_bad_file_is_one_line(tmp_path: Path, text: str | None, ask: str, message: str) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(SacdError, match=message) as caught:
        load_objective(str(tmp_path / ask))
    assert "\n" not in str(caught.value) and "mine.py" in str(caught.value)


@pytest.mark.parametrize("name", NAMES + CORRECTED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_edge_cases_are_finite(name: str, dtype: torch.dtype) -> None:
    """One class, size 1, empty banks (the first step), nothing labelled, a ragged last window, half precision."""
    for batch in (1, 2, 11):
        for labels in ("mixed", "one", "none"):
            objective = build(name)
            for seed in range(2):
                pair = make_pair(batch, labels, seed, dtype)
                terms = step(objective, pair)
                assert all(torch.tensor(value).isfinite() for value in terms.values()), (terms, batch, labels)
                for leaf in [*student_leaves(pair), *objective.parameters()]:
                    assert leaf.grad is None or leaf.grad.isfinite().all(), (batch, labels)
                for buffer in objective.buffers():
                    assert buffer.isfinite().all()


@pytest.mark.parametrize("name", NAMES + CORRECTED)
def test_half_precision_agrees_with_single(name: str) -> None:
    low = make_pair(dtype=torch.bfloat16)
    high = make_pair()
    for field in ("student_features", "student_logits", "teacher_features", "teacher_logits", "momentum_features",
                  "momentum_logits"):
        high = replace(high, **{field: getattr(low, field).float()})
    high = replace(high, student_taps=tuple(tap.float() for tap in low.student_taps),
                   teacher_taps=tuple(tap.float() for tap in low.teacher_taps))
    ours, theirs = build(name)(low), build(name)(high)
    for term, value in ours.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, theirs[term])


@pytest.mark.parametrize("name", NAMES + CORRECTED)
def test_gradient_reaches_the_student_and_never_the_teacher(name: str) -> None:
    objective = build(name)
    for seed in range(3):  # banks are filled after the first step
        pair = make_pair(seed=seed)
        step(objective, pair)
        assert any(leaf.grad is not None and leaf.grad.abs().sum() > 0 for leaf in student_leaves(pair))
        assert all(leaf.grad is None for leaf in teacher_leaves(pair))


@pytest.mark.parametrize("name", NAMES + CORRECTED)
def test_every_parameter_is_trained(name: str) -> None:
    objective = build(name)
    step(objective, make_pair(seed=0))
    step(objective, make_pair(seed=1))
    untrained = [key for key, value in objective.named_parameters() if value.grad is None or not value.grad.any()]
    assert not untrained


@pytest.mark.parametrize("name", NAMES + CORRECTED)
def test_use_of_unlabelled_clips_is_as_declared(name: str) -> None:
    """An unlabelled clip's gradient is zero exactly where the class says that it does not use such clips."""
    objective = build(name)
    pair = make_pair(labels=[0, 1, 2, 3, 4, 0, 1, 2] + 8 * [-1])
    seen = ("teacher_logits", "momentum_logits", "momentum_features")  # a second head makes logits of the features
    sure = {field: 50 * getattr(pair, field).detach() for field in seen}
    confident = replace(pair, **sure)
    step(objective, confident)
    gradient = torch.zeros(8)
    for leaf in student_leaves(confident):
        if leaf.grad is not None:
            gradient = gradient + leaf.grad[8:].flatten(1).abs().sum(dim=1)
    assert bool((gradient > 0).all()) is objective.uses_unlabelled
    assert bool((gradient > 0).any()) is objective.uses_unlabelled


@pytest.mark.parametrize("name", NAMES + CORRECTED)
def test_declared_needs_are_enough(name: str) -> None:
    objective = build(name)
    pair = make_pair()
    if not objective.needs_teacher:
        pair = replace(pair, teacher_features=None, teacher_logits=None)
    if not objective.needs_momentum:
        pair = replace(pair, momentum_features=None, momentum_logits=None)
    if not objective.needs_taps:
        pair = replace(pair, student_taps=(), teacher_taps=())
    if not objective.needs_posterior:
        pair = replace(pair, posterior=None)
    assert all(value.isfinite() for value in objective(pair).values())


@pytest.mark.parametrize(("name", "options"), [(name, {}) for name in NAMES + CORRECTED] + [("crd", {"negatives": 7})])
@pytest.mark.parametrize("window", [4, 8])
def test_a_step_never_waits_for_the_device(name: str, options: dict, window: int) -> None:
    """The meta device has no values: `.item()`, `if tensor` and shapes that depend on values are errors there.

    Windows of 4 clips stand in pairs of one night here, those of 8 alone.
    """
    objective = build_objective(name, context(n_nights=4), options).to("meta")
    for seed in range(2):
        pair = on_meta(make_pair(seed=seed, window=window, windows_per_night=8 // window))
        torch.stack(list(objective(pair).values())).sum().backward()
        assert pair.student_logits.grad.shape == (16, 5)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_windows_does_not_matter(name: str) -> None:
    pair = make_pair()
    order = torch.arange(16).view(4, 4)[[2, 0, 3, 1]].flatten()
    first, second = build(name), build(name)
    one, other = first(pair), second(reordered(pair, order))
    for term, value in one.items():
        torch.testing.assert_close(other[term], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_resuming_from_the_state_goes_on_identically(name: str, tmp_path: Path) -> None:
    def batch(seed: int) -> Pair:
        return make_pair(seed=seed, labels="all", window=8, windows_per_night=1)

    torch.manual_seed(3)
    whole = build_objective(name, context(n_nights=2), {})
    for seed in range(3):
        step(whole, batch(seed))
    torch.save(whole.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(99)
    resumed = build_objective(name, context(n_nights=2), {})
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for seed in range(3, 6):
        torch.manual_seed(seed)  # the global generator plays no part
        assert step(whole, batch(seed)) == step(resumed, batch(seed))


@pytest.mark.parametrize("name", NAMES + CORRECTED)
def test_evaluation_leaves_the_state_alone(name: str) -> None:
    objective = build(name)
    step(objective, make_pair(seed=0))
    before = {key: value.clone() for key, value in objective.state_dict().items()}
    objective.eval()
    objective(make_pair(seed=1))
    for key, value in objective.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_same_batch_twice_from_the_same_state_is_the_same(name: str) -> None:
    pair = make_pair()
    ours, theirs = build(name), build(name)
    assert step(ours, detached(pair)) == step(theirs, detached(pair))


@pytest.mark.parametrize("name", ["fitnet", "crd", "cmc", "ccl", "sacd", "pkt", "rkd", "ifd", "c2kd", "kd+abc"])
def test_features_of_unequal_size(name: str) -> None:
    objective = build_objective(name, context(student_dim=24, teacher_dim=10))
    for seed in range(2):
        pair = make_pair(seed=seed, teacher_dim=10)
        step(objective, pair)
        assert pair.student_features.grad.isfinite().all() and pair.student_features.grad.any()
