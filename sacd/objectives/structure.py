"""Structure loss L_D: how clips of a window relate to each other should be alike in both modalities (paper eq. 6–11).

Per modality a complete graph over each window of consecutive clips (x_i: a clip's feature, projected linearly to 64):

    h_i⁰ = MLP_node(x_i) ∈ R¹²⁸                                  (6)
    e_ij = MLP_edge(|x_i − x_j|) ∈ R⁶⁴                           (7)  the paper leaves x_ij open; ours is symmetric
    m_j→i = MLP_m([h_iᵗ, h_jᵗ, e_ij]) ∈ R⁵¹²                     (8)
    h_iᵗ⁺¹ = h_iᵗ + W [h_iᵗ, Σ_j a_ij m_j→i], a_ij = softmax_j(LeakyReLU(w·m_j→i))   (9)
    O(G) = MLP_G(mean_i FC(h_i²)) ∈ R¹⁰²⁴, then divided by its length               (10)

Two rounds. With d(a, b) = ‖O(video window a) − O(EEG window b)‖² ∈ [0, 4], eq. 11 is read in one of two ways:

- `reading="margin"`: the margin loss of graph matching networks (Li et al. 2019, arXiv:1904.12787). Matching windows
  (a = b) cost max(0, γ − (1 − d)), non-matching ones max(0, γ − (d − 1)); mean over each kind, the two means added.
  Non-matching windows lie in the *same night* and differ in stage somewhere (labels, else the teacher's argmax), or
  the nets would learn to tell people apart. A batch without such a pair has the first part only.
- `reading="printed"`: max(0, γ − d) over matching windows, as printed; it pushes matching graphs apart, up to d = γ,
  and is 0 from the start where untrained nets already put them further apart than γ (d ≈ 2 is usual).

Published: 64, 128, 64, 512, 1024; γ = 0.5 is our choice. Message passing is torch-geometric's.
Extra cost: two small graph nets, trained with the student and dropped afterwards. Unlabelled clips: used, all of them.
The graph nets can absorb the loss: its gradient's length at the student's features is logged.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.pool import global_mean_pool
from torch_geometric.utils import softmax

from sacd.errors import SacdError
from sacd.objectives.base import Pair

NODE_INPUT, NODE, EDGE, MESSAGE, GRAPH = 64, 128, 64, 512, 1024
READINGS = ("margin", "printed")


def _mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class AttentiveMessages(MessagePassing):
    """One round of messages between the clips of a window (eq. 8 and 9).

    The message MLP is linear–ReLU–linear. Its first layer on [h_i, h_j, e_ij] is the sum of three layers, two of them
    per node; its second one and the weighted sum over j commute. Neither changes a number, and both together make
    a round some four times cheaper than 512-d messages on every edge.
    """

    def __init__(self) -> None:
        super().__init__(aggr="add")
        self.to_node = nn.Linear(NODE, NODE)
        self.from_node = nn.Linear(NODE, NODE, bias=False)
        self.along_edge = nn.Linear(EDGE, NODE, bias=False)
        self.second = nn.Linear(NODE, MESSAGE, bias=False)
        self.attention = nn.Linear(MESSAGE, 1, bias=False)
        self.update_net = nn.Linear(NODE + MESSAGE, NODE)

    def forward(self, h: Tensor, edge_index: Tensor, edge: Tensor) -> Tensor:
        """New node vectors [B, 128] from h [B, 128], edge_index [2, E] (from, to) and edge vectors [E, 64]."""
        hidden = self.propagate(edge_index, to=self.to_node(h), origin=self.from_node(h), edge=self.along_edge(edge))
        return h + self.update_net(torch.cat([h, self.second(hidden)], dim=1))

    def message(self, to_i: Tensor, origin_j: Tensor, edge: Tensor, index: Tensor) -> Tensor:
        """Hidden layer of the messages [E, 128], weighted by attention over those that reach the same node."""
        hidden = F.relu(to_i + origin_j + edge)
        score = hidden @ (self.attention.weight @ self.second.weight).T
        return softmax(F.leaky_relu(score, negative_slope=0.2), index) * hidden


class GraphNet(nn.Module):
    """From the features of clips to one vector of length 1 per window (eq. 6–10).

    Parameters
    ----------
    feature_dim : int
        d of the modality's features.
    rounds : int
        Rounds of messages.
    """

    def __init__(self, feature_dim: int, rounds: int = 2) -> None:
        super().__init__()
        self.project = nn.Linear(feature_dim, NODE_INPUT)
        self.node_net = _mlp(NODE_INPUT, NODE, NODE)
        self.edge_net = _mlp(NODE_INPUT, EDGE, EDGE)
        self.rounds = nn.ModuleList(AttentiveMessages() for _ in range(rounds))
        self.readout = nn.Linear(NODE, NODE)
        self.graph_net = _mlp(NODE, MESSAGE, GRAPH)

    def forward(self, features: Tensor, edge_index: Tensor, window: Tensor, n_windows: int) -> Tensor:
        """Graph vectors [n_windows, 1024] of features [B, d]; window [B] int64 is 0 … n_windows − 1."""
        x = self.project(features)
        h = self.node_net(x)
        edge = self.edge_net((x[edge_index[0]] - x[edge_index[1]]).abs())
        for layer in self.rounds:
            h = layer(h, edge_index, edge)
        pooled = global_mean_pool(self.readout(h), window, n_windows)
        return F.normalize(self.graph_net(pooled), dim=1)


def complete_graphs(window: Tensor) -> Tensor:
    """Edges [2, E] between every two different clips of the same window; window [B] int64."""
    same = window.unsqueeze(1) == window.unsqueeze(0)
    return same.fill_diagonal_(False).nonzero().T.contiguous()


def other_stages(stage: Tensor, night: Tensor, window: Tensor, n_windows: int) -> Tensor:
    """Which pairs of windows lie in the same night and differ in stage somewhere.

    Parameters
    ----------
    stage : Tensor [B] int64
        −1 where unknown; such clips never make a difference.
    night, window : Tensor [B] int64
        `window` is 0 … n_windows − 1, its clips in time order; unequal windows are compared as far as both go.

    Returns
    -------
    Tensor [n_windows, n_windows] bool
        Symmetric, False on the diagonal.
    """
    position = (window.unsqueeze(1) == window.unsqueeze(0)).tril(-1).sum(dim=1)
    sequence = stage.new_full((n_windows, len(stage)), -1)
    sequence[window, position] = stage
    nights = night.new_zeros(n_windows).scatter_(0, window, night)
    first, second = sequence.unsqueeze(1), sequence.unsqueeze(0)
    differ = ((first != second) & (first >= 0) & (second >= 0)).any(dim=2)
    return differ & (nights.unsqueeze(1) == nights.unsqueeze(0))


class StructureLoss(nn.Module):
    """L_D between the graphs of the student's and of the teacher's features.

    Parameters
    ----------
    student_dim, teacher_dim : int
        Sizes of the features.
    margin : float
        γ.
    reading : str
        "margin" or "printed": how eq. 11 is read.
    window : int
        Clips per window where a batch does not say which clips belong together.
    """

    def __init__(
        self, student_dim: int, teacher_dim: int, margin: float = 0.5, reading: str = "margin", window: int = 8
    ) -> None:
        super().__init__()
        if reading not in READINGS:
            raise SacdError(f"structure loss: unknown reading '{reading}'; choose one of {', '.join(READINGS)}")
        self.margin = margin
        self.reading = reading
        self.window = window
        self.student_net = GraphNet(student_dim)
        self.teacher_net = GraphNet(teacher_dim)

    def distances(self, pair: Pair) -> tuple[Tensor, Tensor, int]:
        """d [W, W] between every video and every EEG window, and the windows as 0 … W − 1 [B], and their number W."""
        if pair.window is None:
            window = torch.arange(len(pair.label), device=pair.label.device) // self.window
        else:
            window = pair.window.unique(return_inverse=True)[1]
        n_windows = int(window.max()) + 1
        edges = complete_graphs(window)
        video = self.student_net(pair.student_features.float(), edges, window, n_windows)
        eeg = self.teacher_net(pair.teacher_features.detach().float(), edges, window, n_windows)
        return 2.0 - 2.0 * video @ eeg.T, window, n_windows

    def forward(self, pair: Pair) -> Tensor:
        """L_D of a batch, a scalar."""
        distance, window, n_windows = self.distances(pair)
        matching = distance.diagonal()
        if self.reading == "printed":
            return F.relu(self.margin - matching).mean()
        loss = F.relu(self.margin - (1.0 - matching)).mean()
        night = torch.zeros_like(window) if pair.night is None else pair.night
        stage = torch.where(pair.label >= 0, pair.label, pair.teacher_logits.argmax(dim=1))
        negative = other_stages(stage, night, window, n_windows)
        cost = F.relu(self.margin - (distance - 1.0)) * negative
        return loss + cost.sum() / negative.sum().clamp(min=1)
