"""Structure loss L_D: how clips of a window relate to each other should be alike in both modalities (paper eq. 6–11).

Each modality has a graph net that turns a window of consecutive clips into a vector O of length 1 (`graphs.py`). With
d(a, b) = ‖O(video window a) − O(EEG window b)‖² ∈ [0, 4], eq. 11 is read in one of two ways:

- `reading="margin"`: the margin loss of graph matching networks (Li et al. 2019, arXiv:1904.12787). Matching windows
  (a = b) cost max(0, γ − (1 − d)), non-matching ones max(0, γ − (d − 1)); mean over each kind, the two means added.
  Non-matching windows lie in the *same night* and differ in stage somewhere (labels, else the teacher's argmax), or
  the nets would learn to tell people apart. Where a batch holds one window of a night, b is taken from a bank of the
  night's earlier windows: their EEG features, which a frozen teacher never changes. A batch that has no such pair
  either way has the first part only.
- `reading="printed"`: max(0, γ − d) over matching windows, as printed; it pushes matching graphs apart, up to d = γ,
  and is 0 from the start where untrained nets already put them further apart than γ (d ≈ 2 is usual).

γ = 0.5 is our choice.
Extra cost: two small graph nets, trained with the student and dropped afterwards; two windows of features a night.
Unlabelled clips: used, all of them.
The graph nets can absorb the loss: its gradient's length at the student's features is logged.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sacd.exceptions import SacdError
from sacd.objectives.banks import NightBank
from sacd.objectives.base import Context, Pair
from sacd.objectives.windows import WINDOW, Windows, windows_of

READINGS = ("margin", "printed")
EARLIER = 2
"""Windows of a night that the bank keeps."""


def stage_sequences(stage: Tensor, windows: Windows) -> Tensor:
    """Stages [W, L] int64 of the clips of each window in time order, of stages [B]; −1 after a window's end."""
    longest = max(WINDOW, int(windows.length.max()))
    sequence = stage.new_full((windows.number, longest), -1)
    sequence[windows.window, windows.position] = stage
    return sequence


def other_stages(first: Tensor, second: Tensor) -> Tensor:
    """Which windows differ in stage somewhere.

    Parameters
    ----------
    first, second : Tensor [W, L], [V, M] int64
        Stages in time order, −1 where unknown: such clips never make a difference, nor does what only one window has.

    Returns
    -------
    Tensor [W, V] bool
    """
    length = min(first.shape[1], second.shape[1])
    first, second = first[:, :length].unsqueeze(1), second[:, :length].unsqueeze(0)
    return ((first != second) & (first >= 0) & (second >= 0)).any(dim=2)


class StructureLoss(nn.Module):
    """L_D between the graphs of the student's and of the teacher's features.

    Parameters
    ----------
    context : Context
    reading : str
        "margin" or "printed": how eq. 11 is read.
    graph_margin : float
        γ.
    """

    def __init__(self, context: Context, reading: str = "margin", graph_margin: float = 0.5) -> None:
        super().__init__()
        # Here, because torch-geometric takes seconds to import and nothing else needs it.
        from sacd.objectives.graphs import GraphNet, graph_vectors

        if reading not in READINGS:
            raise SacdError(f"structure loss: unknown reading '{reading}'; choose one of {', '.join(READINGS)}")
        self.reading = reading
        self.margin = graph_margin
        self._vectors = graph_vectors
        self.student_net = GraphNet(context.student_dim)
        self.teacher_net = GraphNet(context.teacher_dim)
        banked = reading == "margin" and context.n_nights > 0
        self.bank = NightBank(context.n_nights, EARLIER, WINDOW, context.teacher_dim) if banked else None

    def distances(self, pair: Pair, windows: Windows, earlier: Tensor | None = None) -> Tensor:
        """d [W, W + V] between every video window and every EEG window, then V earlier ones, [V, 8, d_t]."""
        features = pair.student_features.float(), pair.teacher_features.detach().float()
        video, eeg = self._vectors((self.student_net, self.teacher_net), features, windows)
        if earlier is not None:
            graphs = windows_of(torch.arange(len(earlier)).repeat_interleave(WINDOW), earlier.device)
            eeg = torch.cat([eeg, *self._vectors((self.teacher_net,), (earlier.flatten(0, 1),), graphs)])
        return 2.0 - 2.0 * video @ eeg.T

    def forward(self, pair: Pair) -> Tensor:
        """L_D of a batch, a scalar; while training, windows alone in their night then enter the bank."""
        device = pair.student_features.device
        window = torch.arange(len(pair.label)) // WINDOW if pair.window is None else pair.window
        windows = windows_of(window, device)
        if self.reading == "printed":
            return F.relu(self.margin - self.distances(pair, windows).diagonal()).mean()
        night = torch.zeros(len(pair.label), dtype=torch.int64) if pair.night is None else pair.night
        night = night[windows.start]
        stage = torch.where(pair.label >= 0, pair.label, pair.teacher_logits.argmax(dim=1))
        stages = stage_sequences(stage, windows)
        together = night.unsqueeze(1) == night.unsqueeze(0)
        alone = ((together.sum(dim=1) == 1) & (windows.length == WINDOW)).nonzero().squeeze(1)
        negative = other_stages(stages, stages) & together.to(device, non_blocking=True)
        earlier = None
        if self.bank is not None and len(alone):
            nights = night[alone].to(device, non_blocking=True)
            earlier, known = (part.flatten(0, 1) for part in self.bank.of(nights))
            mine = (night.unsqueeze(1) == night[alone].repeat_interleave(EARLIER)).to(device, non_blocking=True)
            negative = torch.cat([negative, other_stages(stages, known) & mine], dim=1)
        distance = self.distances(pair, windows, earlier)
        if self.training and earlier is not None:
            clips = (windows.start[alone].unsqueeze(1) + torch.arange(WINDOW)).to(device, non_blocking=True)
            self.bank.enqueue(nights, pair.teacher_features.detach()[clips], stage[clips])
        cost = F.relu(self.margin - (distance - 1.0)) * negative
        matching = F.relu(self.margin - (1.0 - distance.diagonal())).mean()
        return matching + cost.sum() / negative.sum().clamp(min=1)
