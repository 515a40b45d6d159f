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

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.pool import global_mean_pool
from torch_geometric.utils import softmax

from sacd.exceptions import SacdError
from sacd.objectives.base import Pair

NODE_INPUT, NODE, EDGE, MESSAGE, GRAPH = 64, 128, 64, 512, 1024
READINGS = ("margin", "printed")


def _mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Windows(NamedTuple):
    """The complete graphs over the windows of a batch of B clips, P pairs of clips.

    Attributes
    ----------
    number : int
        W, how many windows.
    window, position : Tensor [B] int64
        Window of a clip, 0 … W − 1, and its place there.
    first, second : Tensor [P] int64
        Every two different clips of a window, once.
    """

    number: int
    window: Tensor
    position: Tensor
    first: Tensor
    second: Tensor

    def edges(self, copies: int) -> Tensor:
        """Edges [2, 2 · copies · P] (from, to) of several copies of the graphs, the clips of copy c from c · B on.

        Copy by copy, first every pair one way, then every pair the other way.
        """
        one = torch.cat([torch.stack([self.first, self.second]), torch.stack([self.second, self.first])], dim=1)
        shift = len(self.window) * torch.arange(copies, device=one.device)
        return (one.unsqueeze(1) + shift.view(1, -1, 1)).flatten(1)

    def of_copies(self, copies: int) -> Tensor:
        """Windows [copies · B] of the clips of several copies, 0 … copies · W − 1."""
        return (self.window + self.number * torch.arange(copies, device=self.window.device).unsqueeze(1)).flatten()


def windows_of(window: Tensor) -> Windows:
    """The graphs of a batch from the window of each of its clips, [B] int64, by any numbers."""
    return _windows(tuple(window.tolist()), window.device)


# Batches repeat their windows step by step, and the tensors are a pure function of the numbers.
@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _windows(window: tuple[int, ...], device: torch.device) -> Windows:
    number = torch.tensor(window, device=device).unique(return_inverse=True)[1]
    same = number.unsqueeze(1) == number.unsqueeze(0)
    first, second = same.triu(1).nonzero().T.contiguous()
    return Windows(int(number.max()) + 1, number, same.tril(-1).sum(dim=1), first, second)


class AttentiveMessages(MessagePassing):
    """The weighted sum of a round's messages, before their last layer (eq. 8 and 9)."""

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, edges: Tensor, to: Tensor, origin: Tensor, edge: Tensor, attention: list[Tensor]) -> Tensor:
        """Σ_j a_ij · hidden layer of m_j→i.

        Parameters
        ----------
        edges : Tensor [2, E] int64
            From, to.
        to, origin : Tensor [N, 128]
            The receiving and the sending node's part of the hidden layer.
        edge : Tensor [E, 128]
            The edge's part.
        attention : sequence of Tensor [128, 1]
            w of each copy of the graphs, for the hidden layer.

        Returns
        -------
        Tensor [N, 128]
        """
        return self.propagate(edges, to=to, origin=origin, edge=edge, attention=attention, size=(len(to), len(to)))

    def message(
        self, to_i: Tensor, origin_j: Tensor, edge: Tensor, attention: list[Tensor], index: Tensor, size_i: int
    ) -> Tensor:
        """Hidden layer of the messages [E, 128], weighted by attention over those that reach the same node."""
        hidden = F.relu(to_i + origin_j + edge)
        score = torch.cat([part @ one for part, one in zip(hidden.chunk(len(attention)), attention, strict=True)])
        return softmax(F.leaky_relu(score, negative_slope=0.2), index, num_nodes=size_i) * hidden


class Round(nn.Module):
    """What one modality learns for one round of messages.

    The message MLP is linear–ReLU–linear. Its first layer on [h_i, h_j, e_ij] is the sum of three layers, two of them
    per node and one per pair of clips; its second one and the weighted sum over j commute. Neither changes a number,
    and both together make a round some four times cheaper than 512-d messages on every edge.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_node = nn.Linear(NODE, NODE)
        self.from_node = nn.Linear(NODE, NODE, bias=False)
        self.along_edge = nn.Linear(EDGE, NODE, bias=False)
        self.second = nn.Linear(NODE, MESSAGE, bias=False)
        self.attention = nn.Linear(MESSAGE, 1, bias=False)
        self.update_net = nn.Linear(NODE + MESSAGE, NODE)

    def updated(self, h: Tensor, hidden: Tensor) -> Tensor:
        """New node vectors [B, 128] from the old ones and the weighted sums, both [B, 128]."""
        return h + self.update_net(torch.cat([h, self.second(hidden)], dim=1))


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
        self.rounds = nn.ModuleList(Round() for _ in range(rounds))
        self.readout = nn.Linear(NODE, NODE)
        self.graph_net = _mlp(NODE, MESSAGE, GRAPH)

    def forward(self, features: Tensor, windows: Windows) -> Tensor:
        """Graph vectors [W, 1024] of features [B, d]."""
        return graph_vectors([self], [features], windows)[0]


_MESSAGES = AttentiveMessages()


def graph_vectors(nets: Sequence[GraphNet], features: Sequence[Tensor], windows: Windows) -> list[Tensor]:
    """Graph vectors [W, 1024] of one or several modalities of a batch.

    The modalities are copies of one graph: each net has its own layers, the messages of all are passed at once.

    Parameters
    ----------
    nets : sequence of GraphNet
        With as many rounds.
    features : sequence of Tensor [B, d]
        Of each net.
    windows : Windows
    """
    copies = len(nets)
    edges = windows.edges(copies)
    x = [net.project(one) for net, one in zip(nets, features, strict=True)]
    h = [net.node_net(one) for net, one in zip(nets, x, strict=True)]
    apart = [(one[windows.first] - one[windows.second]).abs() for one in x]
    edge = [net.edge_net(one) for net, one in zip(nets, apart, strict=True)]
    for layers in zip(*(net.rounds for net in nets), strict=True):
        to = torch.cat([layer.to_node(one) for layer, one in zip(layers, h, strict=True)])
        origin = torch.cat([layer.from_node(one) for layer, one in zip(layers, h, strict=True)])
        # |x_i − x_j| is the same both ways, and so is what follows from it.
        along = torch.stack([layer.along_edge(one) for layer, one in zip(layers, edge, strict=True)])
        both = along.unsqueeze(1).expand(-1, 2, -1, -1).reshape(-1, NODE)
        attention = [(layer.attention.weight @ layer.second.weight).T for layer in layers]
        hidden = _MESSAGES(edges, to, origin, both, attention).chunk(copies)
        h = [layer.updated(*one) for layer, *one in zip(layers, h, hidden, strict=True)]
    pooled = global_mean_pool(torch.cat(h), windows.of_copies(copies), copies * windows.number).chunk(copies)
    # Read-out and mean commute.
    return [F.normalize(net.graph_net(net.readout(one)), dim=1) for net, one in zip(nets, pooled, strict=True)]


def other_stages(stage: Tensor, night: Tensor, windows: Windows) -> Tensor:
    """Which pairs of windows lie in the same night and differ in stage somewhere.

    Parameters
    ----------
    stage : Tensor [B] int64
        −1 where unknown; such clips never make a difference.
    night : Tensor [B] int64
    windows : Windows
        Their clips in time order; unequal windows are compared as far as both go.

    Returns
    -------
    Tensor [W, W] bool
        Symmetric, False on the diagonal.
    """
    sequence = stage.new_full((windows.number, len(stage)), -1)
    sequence[windows.window, windows.position] = stage
    nights = night.new_zeros(windows.number).scatter_(0, windows.window, night)
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

    def distances(self, pair: Pair) -> tuple[Tensor, Windows]:
        """d [W, W] between every video and every EEG window, and the windows."""
        if pair.window is None:
            windows = windows_of(torch.arange(len(pair.label), device=pair.label.device) // self.window)
        else:
            windows = windows_of(pair.window)
        features = pair.student_features.float(), pair.teacher_features.detach().float()
        video, eeg = graph_vectors((self.student_net, self.teacher_net), features, windows)
        return 2.0 - 2.0 * video @ eeg.T, windows

    def forward(self, pair: Pair) -> Tensor:
        """L_D of a batch, a scalar."""
        distance, windows = self.distances(pair)
        matching = distance.diagonal()
        if self.reading == "printed":
            return F.relu(self.margin - matching).mean()
        loss = F.relu(self.margin - (1.0 - matching)).mean()
        night = torch.zeros_like(windows.window) if pair.night is None else pair.night
        stage = torch.where(pair.label >= 0, pair.label, pair.teacher_logits.argmax(dim=1))
        negative = other_stages(stage, night, windows)
        cost = F.relu(self.margin - (distance - 1.0)) * negative
        return loss + cost.sum() / negative.sum().clamp(min=1)
