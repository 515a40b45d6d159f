"""Noise-contrastive estimation against memory banks with one entry per training clip: what CRD and CMC share.

Two banks of N × 128 unit vectors, one per modality. With a the embedding of clip n in one modality, b_j the bank of
the other, K_n negatives j, and the noise distribution uniform over the N clips, K_n/N = c_n:

    P_j = exp(a·b_j / τ) / Z,    Z fixed at N times the mean of the first batch
    L_n = −log(P_n / (P_n + c_n)) − Σ_j log(c_n / (P_j + c_n))

summed over both directions, averaged over the batch; then entry n ← normalise(½ entry + ½ embedding).

Sources: Tian et al. 2020, arXiv:1910.10699 (eq. 18), and arXiv:1906.05849; Wu et al. 2018, arXiv:1805.01978.
Where there are no more than K other clips, each of them is a negative once; else K clips are drawn for the whole batch
at once (the authors draw K for each clip): the expectation is the same and it becomes one matrix product.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sacd.objectives.base import Context, Pair


class ContrastMemory(nn.Module):
    """The embeddings of both modalities, their two banks, and the loss.

    Parameters
    ----------
    context : Context
    negatives : int
        K.
    temperature : float
        τ.
    momentum : float
        Weight of the old entry when one is renewed.
    dim : int
        Size of an embedding, a linear map of the features to length 1.
    """

    student_bank: Tensor
    teacher_bank: Tensor
    scale: Tensor

    def __init__(
        self, context: Context, negatives: int, temperature: float = 0.07, momentum: float = 0.5, dim: int = 128
    ) -> None:
        super().__init__()
        self.n_clips = context.n_clips
        self.negatives = negatives
        self.temperature = temperature
        self.momentum = momentum
        self.student_embedding = nn.Linear(context.student_dim, dim)
        self.teacher_embedding = nn.Linear(context.teacher_dim, dim)
        bound = 1.0 / math.sqrt(dim / 3)
        self.register_buffer("student_bank", torch.empty(self.n_clips, dim).uniform_(-bound, bound))
        self.register_buffer("teacher_bank", torch.empty(self.n_clips, dim).uniform_(-bound, bound))
        self.register_buffer("scale", torch.ones(2))  # Z per direction
        # Known on the host, so that no step asks the device for them; both travel with a checkpoint.
        self.seed = int(torch.randint(2**31, ()))  # of the next draw
        self.scaled = False  # whether Z is known

    def get_extra_state(self) -> Tensor:
        """What the host knows, int64 [2]."""
        return torch.tensor([self.seed, self.scaled])

    def set_extra_state(self, state: Tensor) -> None:
        """Take up what was known."""
        self.seed, self.scaled = int(state[0]), bool(state[1])

    def candidates(self) -> Tensor:
        """Clips that may be negatives in this step [M ≤ max(N, K)] int64."""
        device = self.scale.device
        if self.n_clips <= self.negatives + 1:
            return torch.arange(self.n_clips, device=device)
        drawn = torch.randint(self.n_clips, (self.negatives,), generator=torch.Generator().manual_seed(self.seed))
        return drawn.to(device, non_blocking=True)

    def forward(self, pair: Pair, candidates: Tensor, excluded: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; while training the batch then renews its entries.

        Parameters
        ----------
        pair : Pair
        candidates : Tensor [M] int64
        excluded : Tensor [B, M] bool, optional
            Which candidates are no negatives of a clip; a clip is never its own.
        """
        student = F.normalize(self.student_embedding(pair.student_features.float()), dim=1)
        teacher = F.normalize(self.teacher_embedding(pair.teacher_features.detach().float()), dim=1)
        eligible = pair.clip.unsqueeze(1) != candidates
        if excluded is not None:
            eligible = eligible & ~excluded
        return self.loss(student, teacher, pair.clip, candidates, eligible)

    def loss(self, student: Tensor, teacher: Tensor, clip: Tensor, candidates: Tensor, eligible: Tensor) -> Tensor:
        """The same from embeddings.

        Parameters
        ----------
        student, teacher : Tensor [B, dim] float32
            Embeddings of length 1.
        clip : Tensor [B] int64
            Which training clips they are.
        candidates : Tensor [M] int64
        eligible : Tensor [B, M] bool
            Which candidates are negatives of a clip.
        """
        loss = self._direction(0, student, self.teacher_bank, clip, candidates, eligible)
        loss = loss + self._direction(1, teacher, self.student_bank, clip, candidates, eligible)
        if self.training:
            self._renew(self.student_bank, student, clip)
            self._renew(self.teacher_bank, teacher, clip)
            self.seed += 1
            self.scaled = True
        return loss

    def _direction(
        self, which: int, anchor: Tensor, bank: Tensor, clip: Tensor, candidates: Tensor, eligible: Tensor
    ) -> Tensor:
        anchor = anchor / self.temperature
        positive = (anchor * bank[clip]).sum(dim=1)
        negative = anchor @ bank[candidates].T
        count = eligible.sum(dim=1)
        if self.scaled:
            scale = self.scale[which].clone()
        else:
            with torch.no_grad():
                total = positive.exp().sum() + (negative.exp() * eligible).sum()
                scale = total * self.n_clips / (len(clip) + count.sum())
            if self.training:
                self.scale[which] = scale
        # −log(P / (P + c)) and −log(c / (P + c)) with P = p / Z, as softplus: c = 0 (no negatives) costs nothing
        level = (count / self.n_clips * scale).clamp(min=1e-12).log()
        push = F.softplus(negative - level.unsqueeze(1)) * eligible
        return (F.softplus(level - positive) + push.sum(dim=1)).mean()

    @torch.no_grad()
    def _renew(self, bank: Tensor, embedding: Tensor, clip: Tensor) -> None:
        mixed = self.momentum * bank[clip] + (1.0 - self.momentum) * embedding
        bank.index_copy_(0, clip, F.normalize(mixed, dim=1))
