"""Graph nets of the structure loss: from the features of a window's clips to one vector (paper eq. 6–10).

Over each window of consecutive clips a complete graph (x_i: a clip's feature, projected linearly to 64):

    h_i⁰ = MLP_node(x_i) ∈ R¹²⁸                                  (6)
    e_ij = MLP_edge(|x_i − x_j|) ∈ R⁶⁴                           (7)  the paper leaves x_ij open; ours is symmetric
    m_j→i = MLP_m([h_iᵗ, h_jᵗ, e_ij]) ∈ R⁵¹²                     (8)
    h_iᵗ⁺¹ = h_iᵗ + W [h_iᵗ, Σ_j a_ij m_j→i], a_ij = softmax_j(LeakyReLU(w·m_j→i))   (9)
    O(G) = MLP_G(mean_i FC(h_i²)) ∈ R¹⁰²⁴, then divided by its length               (10)

Two rounds. Published: 64, 128, 64, 512, 1024. Message passing is torch-geometric's.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.pool import global_mean_pool
from torch_geometric.utils import softmax

from sacd.objectives.windows import Windows

NODE_INPUT, NODE, EDGE, MESSAGE, GRAPH = 64, 128, 64, 512, 1024


def _mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


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
