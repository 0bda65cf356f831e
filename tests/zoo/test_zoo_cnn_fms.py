from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from plain_layers import connect, convolve, normalise, pool, relu, to_numpy
from zoo_contract import keeps_its_promises

from course_utils.zoo.alexnet import Row
from course_utils.zoo.cnn_fms import NETS, ChatfieldCNN, F, M, S
from course_utils.zoo.counting import Counts, count

# The slide's table once more, by hand: filters, kernel size, stride, padding, then the window and the
# stride of the pool; 0 says that there is none. Whether the response is normalised stands last.
SLIDE = {
    "cnn_f": [
        (64, 11, 4, 0, 3, 2, True),
        (256, 5, 1, 2, 3, 2, True),
        (256, 3, 1, 1, 0, 0, False),
        (256, 3, 1, 1, 0, 0, False),
        (256, 3, 1, 1, 3, 2, False),
    ],
    "cnn_m": [
        (96, 7, 2, 0, 3, 2, True),
        (256, 5, 2, 1, 3, 2, True),
        (512, 3, 1, 1, 0, 0, False),
        (512, 3, 1, 1, 0, 0, False),
        (512, 3, 1, 1, 3, 2, False),
    ],
    "cnn_s": [
        (96, 7, 2, 0, 3, 3, True),
        (256, 5, 1, 1, 2, 2, False),
        (512, 3, 1, 1, 0, 0, False),
        (512, 3, 1, 1, 0, 0, False),
        (512, 3, 1, 1, 3, 3, False),
    ],
}
ROWS = {"cnn_f": F, "cnn_m": M, "cnn_s": S}


def counts(name: str, **options) -> Counts:
    with torch.device("meta"):
        return count(NETS[name](**options))


def narrow(rows: Sequence[Row], by: int = 16) -> list[Row]:
    return [(conv._replace(filters=conv.filters // by), following) for conv, following in rows]


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("cnn_f", 60_834_536, 724_005_632),
        ("cnn_m", 102_908_520, 1_676_172_320),
        ("cnn_m_2048", 92_469_864, 1_665_735_712),
        ("cnn_m_1024", 87_250_536, 1_660_517_408),
        ("cnn_m_128", 82_683_624, 1_655_951_392),
        ("cnn_s", 102_908_520, 2_927_705_120),
    ],
)
def test_parameters_and_multiply_adds_follow_from_the_slide_s_table(name, parameters, macs) -> None:
    width = int(name.split("_")[2]) if name.count("_") == 2 else 4096
    side, channels, weights, biases, products = 224, 3, 0, 0, 0
    for filters, kernel, stride, padding, window, step, _ in SLIDE[name[:5]]:
        own = kernel**2 * channels * filters
        side = (side + 2 * padding - kernel) // stride + 1
        weights, biases, products = weights + own, biases + filters, products + own * side**2
        side = -(-(side - window) // step) + 1 if window else side
        channels = filters
    assert side == 6
    connected = channels * 6**2 * 4096 + 4096 * width + width * 1000
    assert weights + biases + connected + 4096 + width + 1000 == parameters
    assert products + connected == macs
    found = counts(name)
    assert (found.parameters, found.macs) == (parameters, macs)


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("cnn_f", [54, 27, 27, 13, 13, 13, 13, 6]),
        ("cnn_m", [109, 54, 26, 13, 13, 13, 13, 6]),
        ("cnn_s", [109, 37, 35, 18, 18, 18, 18, 6]),
    ],
)
def test_maps_of_convolutions_and_pools(name, sides) -> None:
    rows = [row for row in counts(name).layers if row.kind in ("convolution", "max pool")]
    assert [row.output_shape[1:] for row in rows] == [(side, side) for side in sides]


def test_full7_of_m_128_gives_features_32_times_smaller() -> None:
    connected = [row for row in counts("cnn_m_128").layers if row.kind == "fully connected"]
    assert [row.output_shape for row in connected] == [(4096,), (4096 // 32,), (1000,)]


@pytest.mark.parametrize("name", SLIDE)
def test_logits_are_those_of_plain_numpy(name) -> None:
    torch.manual_seed(0)
    net = ChatfieldCNN(narrow(ROWS[name]), 7, 2, image_size=96, hidden=(20, 10)).double().eval()
    images = 100 * torch.randn(2, 2, 96, 96, dtype=torch.float64)
    weights = [(to_numpy(m.weight), to_numpy(m.bias)) for m in net.modules() if hasattr(m, "weight")]
    x = to_numpy(images)
    for (_, _, stride, padding, window, step, normalised), own in zip(SLIDE[name], weights, strict=False):
        x = relu(convolve(x, *own, stride=stride, padding=padding))
        x = normalise(x) if normalised else x
        x = pool(x, window, step, round_up=True) if window else x
    logits = connect(relu(connect(relu(connect(x, *weights[5])), *weights[6])), *weights[7])
    with torch.no_grad():
        np.testing.assert_allclose(to_numpy(net(images)), logits, rtol=1e-9)


def test_other_sizes_classes_and_channels() -> None:
    with torch.device("meta"):
        net = NETS["cnn_m_128"](num_classes=5, in_channels=1, image_size=100)
        assert net(torch.empty(2, 1, 100, 100)).shape == (2, 5)
        with pytest.raises(
            ValueError, match=r"this ChatfieldCNN was built for images of 100x100, .* image_size="
        ):
            net(torch.empty(2, 1, 224, 224))
        with pytest.raises(ValueError, match="built for 1 input channels, not 3"):
            net(torch.empty(2, 3, 100, 100))


@pytest.mark.parametrize(("name", "least"), [("cnn_f", 39), ("cnn_m", 41), ("cnn_s", 19)])
def test_images_that_are_too_small_are_refused_when_the_net_is_built(name, least) -> None:
    with torch.device("meta"):
        assert NETS[name](image_size=least)(torch.empty(2, 3, least, least)).shape == (2, 1000)
        with pytest.raises(ValueError, match=f"needs an image_size of at least {least}, not {least - 1}"):
            NETS[name](image_size=least - 1)


def test_the_zoo_s_promises() -> None:
    keeps_its_promises(
        lambda: ChatfieldCNN(narrow(S, 8), 5, hidden=(30, 20), image_size=64), torch.randn(2, 3, 64, 64)
    )
