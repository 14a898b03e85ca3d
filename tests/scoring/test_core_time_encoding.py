"""Time encodings: Time2Vec and TGAT's."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch_geometric.nn.models.tgn import TimeEncoder

from scoring.core.time_encoding import TimeEncoding

pytestmark = pytest.mark.usefixtures("one_thread")

Kind = Literal["time2vec", "tgat"]
KINDS: tuple[Kind, ...] = ("time2vec", "tgat")


def test_tgats_waves_equal_pygs_up_to_its_scale() -> None:
    """PyG's encoder leaves out sqrt(1/D): in double precision, since both round large angles."""
    ours, theirs = TimeEncoding(8, "tgat").double(), TimeEncoder(8).double()
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.frequency[:, None])
        theirs.lin.bias.copy_(ours.phase)
    time = torch.rand(20, dtype=torch.double) * 1e5
    assert torch.allclose(ours(time) * 8**0.5, theirs(time), atol=1e-9)


def test_time2vec_is_one_line_and_sines() -> None:
    """Kazemi et al. 2019, eq. 1."""
    encoding = TimeEncoding(5)
    time = torch.tensor([0.0, 7.0, 3600.0])
    expected = torch.stack(
        [time / 2_592_000.0, *(torch.sin(w * time) for w in encoding.frequency.detach())], dim=1
    )  # fmt: skip
    assert torch.allclose(encoding(time), expected, atol=1e-6)


def test_a_product_of_tgat_encodings_depends_on_the_time_between_only() -> None:
    """As made: a shift of both changes nothing (Xu et al. 2020)."""
    encoding = TimeEncoding(16, "tgat").double()
    early, late = torch.tensor([100.0, 5_000.0], dtype=torch.double), torch.tensor([900.0, 5_001.0], dtype=torch.double)
    near = (encoding(early) * encoding(late)).sum(-1)
    far = (encoding(early + 86_400) * encoding(late + 86_400)).sum(-1)
    assert torch.allclose(near, far, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_right(kind: Kind) -> None:
    """Of the time and of every weight, against finite differences."""
    encoding = TimeEncoding(4, kind, 1.0, 10.0).double()
    time = torch.rand(3, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t, *_: encoding(t), (time, *encoding.parameters()))


@pytest.mark.parametrize(("features", "kind", "shortest"), [(1, "time2vec", 1.0), (3, "tgat", 1.0), (4, "tgat", 0.0)])
def test_widths_and_periods_without_meaning_are_refused(features: int, kind: Kind, shortest: float) -> None:
    """The error says what would do."""
    with pytest.raises(ValueError, match=r"at least 2|need 0"):
        TimeEncoding(features, kind, shortest)
