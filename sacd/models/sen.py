"""Modified SEN: SEN-DAL for one EEG channel, with its stage head and its participant-adversarial head.

SEN-DAL (Jia, Cai and Jiao 2022, IEEE Sensors Journal 22(4), 3464–3471) reads an EOG through DeepSleepNet's two branches
and many EEG channels as maps of band power, and weighs all channels by squeeze and excitation. The SACD paper gives it
only a single EEG channel, keeps both heads, and says no more; we read it as the signal stream on the EEG, since a map
of band power needs many electrodes.
"""

from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from sacd.exceptions import SacdError
from sacd.models.base import FEATURE_DIM, Network, Output
from sacd.models.deepsleepnet import CHANNELS, Representation
from sacd.stages import STAGES


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, x: Tensor, scale: float) -> Tensor:
        context.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.scale * gradient, None


def reverse_gradient(x: Tensor, scale: float) -> Tensor:
    """x itself; its gradient is multiplied by −scale (Ganin et al. 2016, arXiv:1505.07818, sec. 4.2)."""
    return _Reverse.apply(x, scale)


class ModifiedSEN(Network):
    """Two convolutional branches, squeeze and excitation of their channels, a stage head and a participant head.

    Features are the hidden layer of the stage head, 512 wide here and 128 in SEN-DAL. The participant head reads the
    recalibrated activations through a gradient reversal, so that training it makes them say less about the participant:
    a teacher's loss is the sum of both heads' cross-entropies, unweighted as in the published code, the second one over
    the labelled participants.

    Parameters
    ----------
    in_channels : int
        EEG channels.
    n_classes : int
    samples : int
        Samples of a clip; 3,000 for 30 s at 100 Hz.
    participants : int
        Classes of the participant head; 0 leaves the head out.
    reversal : float
        Factor on the reversed gradient (0.001 in the published code, github.com/xiyangcai/SEN-DAL).
    reduction : int
        Of the squeeze.
    """

    version: ClassVar[int] = 2

    def __init__(
        self, in_channels: int = 1, n_classes: int = len(STAGES), *, samples: int = 3000, participants: int = 0,
        reversal: float = 0.001, reduction: int = 2,
    ) -> None:
        super().__init__(FEATURE_DIM, n_classes)
        self.reversal = reversal
        self.representation = Representation(in_channels, samples, partial(nn.LeakyReLU, 0.3, inplace=True))
        self.excitation = nn.Sequential(
            nn.Linear(CHANNELS, CHANNELS // reduction), nn.ReLU(inplace=True),
            nn.Linear(CHANNELS // reduction, CHANNELS), nn.Sigmoid(),
        )
        width = CHANNELS * self.representation.places
        self.hidden = nn.Linear(width, FEATURE_DIM)
        self.participant_head = None
        if participants:
            self.participant_head = nn.Sequential(
                nn.Linear(width, 128), nn.ReLU(inplace=True), nn.Linear(128, participants)
            )

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of EEG clips.

        Parameters
        ----------
        x : Tensor [B, in_channels, samples] float
        taps : bool
            Also return the joined branches after each step, the last one recalibrated, [B, C, places].

        Returns
        -------
        features : Tensor [B, 512] float
        taps : tuple of Tensor
        """
        inner = self.representation(x)
        inner[-1] = inner[-1] * self.excitation(inner[-1].mean(dim=2)).unsqueeze(2)
        return functional.relu(self.hidden(inner[-1].flatten(1))), tuple(inner) if taps else ()

    def participant_logits(self, output: Output) -> Tensor:
        """Logits [B, participants] of an output that was made with taps.

        Raises
        ------
        SacdError
            The network has no participant head.
        """
        if self.participant_head is None:
            raise SacdError("this network has no participant head; build it with participants=N")
        return self.participant_head(reverse_gradient(output.taps[-1].flatten(1), self.reversal))
