"""Time as features: trainable waves of an age, so that a layer can tell "a minute ago" from "a day ago".

Shapes: * any leading shape, D features.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn


class TimeEncoding(nn.Module):
    """Map a time to D features; frequencies and phases are learned.

    `time2vec`: one linear feature and D - 1 sines (Kazemi et al. 2019, "Time2Vec", eq. 1).
    `tgat`: D cosines of length one together (Xu et al. 2020, "Inductive representation learning on temporal
    graphs"). They start as pairs, a cosine and its sine, so that the product of two encodings depends on the
    time between them only.

    Frequencies start evenly spaced in the logarithm between one wave in `longest` and one in `shortest`. Give
    ages, not dates: in float32 an angle of 10,000 waves is off by 0.004 rad (10,000 * 2 pi / 2^24).
    """

    def __init__(
        self,
        features: int,
        kind: Literal["time2vec", "tgat"] = "time2vec",
        shortest: float = 60.0,
        longest: float = 2_592_000.0,  # 30 days in seconds = 30 * 24 * 60 * 60
    ) -> None:
        """Make D features for times in the unit of `shortest` and `longest`.

        Raises:
            ValueError: fewer than two features, an odd number for tgat, or not 0 < shortest <= longest.
        """
        super().__init__()
        if features < 2 or (kind == "tgat" and features % 2):
            raise ValueError(f"{features} features: at least 2, and an even number for tgat")
        if not 0 < shortest <= longest:
            raise ValueError(f"shortest {shortest}, longest {longest}: need 0 < shortest <= longest")
        self.kind = kind
        self.shortest = shortest
        self.longest = longest
        waves = features - 1 if kind == "time2vec" else features // 2
        period = torch.logspace(math.log10(shortest), math.log10(longest), waves)  # [waves]
        frequency, phase = 2 * math.pi / period, torch.zeros(waves)
        if kind == "tgat":
            frequency, phase = frequency.repeat(2), torch.cat([phase, phase - math.pi / 2])  # cos, then sin
        self.frequency = nn.Parameter(frequency)
        self.phase = nn.Parameter(phase)
        self.trend = nn.Parameter(torch.tensor([1.0 / longest, 0.0])) if kind == "time2vec" else None

    def forward(self, time: Tensor) -> Tensor:
        """Encode times [*] to [*, D]."""
        angle = time[..., None] * self.frequency + self.phase  # [*, waves]
        if self.trend is None:
            return angle.cos() / math.sqrt(angle.shape[-1])
        return torch.cat([(time * self.trend[0] + self.trend[1])[..., None], angle.sin()], dim=-1)
