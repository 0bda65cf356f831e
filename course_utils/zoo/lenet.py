"""LeNet-5: convolutions, subsampling and fully connected layers, trained as one. As it was, and as it is now.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition, Proc.
IEEE 86(11), 1998, section II. Slides "LeNet-5".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from course_utils.zoo.parts import check_image, start

# A column of the paper's table I each: which of the 6 maps of S2 a map of C3 sees.
C3 = [
    *[(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)],  # three in a row
    *[(0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)],  # four in a row
    *[(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)],  # two pairs
    (0, 1, 2, 3, 4, 5),
]

# Figure 3: the digits as F6 should draw them, in 12 rows of 7. The bar over 0, 2, 4 and 5 keeps them apart
# from o, z, y and s: the figure has codes for letters too.
DIGITS = """
.#####. ...##.. .#####. ####### .#####. .#####. ..####. ####### .#####. .#####.
....... ..###.. ....... .....## ....... ....... .##.... .....## ##...## ##..###
..###.. .####.. .#####. ....##. ....... ####### ##..... .....## ##...## ##...##
.##.##. ...##.. ##...## ...##.. .##..## ##..... ##..... ....##. ##...## ##...##
##...## ...##.. #....## ..####. .##..## ##..... ######. ...##.. .#####. ##..###
##...## ...##.. ....##. .....## ###..## .####.. ###..## ...##.. ##...## .######
##...## ...##.. ..###.. .....## ##...## ..####. ##...## ..##... ##...## .....##
##...## ...##.. .##.... .....## ##...## .....## ##...## ..##... ##...## .....##
.##.##. ...##.. ##..... ##...## ##..### ##...## ###..## ..##... ##...## ....##.
..###.. .###### ####### .#####. .###### .#####. .#####. ..##... .#####. .####..
....... ....... ....... ....... .....## ....... ....... ....... ....... .......
....... ....... ....... ....... .....## ....... ....... ....... ....... .......
"""

# Of C1 and C3, for today's net.
FILTERS = [6, 16]


class Squash(nn.Module):
    """The paper's activation function, 1.7159 tanh(2x/3): it maps 1 to 1 and -1 to -1 (equation 6)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the values of ``x``, each squashed to between -1.7159 and 1.7159; shape and dtype stay."""
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """The sum of each 2x2 window, times a coefficient, plus a bias, squashed: S2 and S4 of the paper.

    Each of the ``maps`` learns one coefficient and one bias. Input (N, maps, H, W); output
    (N, maps, H/2, W/2).
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.25))  # at first, the average
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))
        self.squash = Squash()

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps at half their height and width."""
        sums = nn.functional.avg_pool2d(x, 2, divisor_override=1)
        return self.squash(torch.addcmul(self.bias, sums, self.coefficient))


class PartialConvolution(nn.Module):
    """A convolution whose maps see some of the input's maps only: a small convolution for each.

    ``sources`` lists for every output map the input maps that it sees. Input (N, C, H, W); output
    (N, len(sources), H - kernel_size + 1, W - kernel_size + 1).
    """

    def __init__(self, sources: Sequence[Sequence[int]], kernel_size: int) -> None:
        super().__init__()
        self.sources = [list(seen) for seen in sources]
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, kernel_size) for seen in sources)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps, in the order of ``sources``."""
        maps = [conv(x[:, seen]) for conv, seen in zip(self.maps, self.sources, strict=True)]
        return torch.cat(maps, dim=1)


class RBF(nn.Module):
    """Compares what comes in with a code for each class: the Euclidean radial basis functions of equation 7.

    ``codes`` is (num_classes, D) and stays as it is: a buffer, no parameter. Input (N, D); output
    (N, num_classes), the squared distances with a minus sign.
    """

    codes: Tensor

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        """Return -sum((x - code)²) for each code: 0 where they agree, less the farther they are apart."""
        # The faster way by a matrix product would lose digits, and only in batches of more than 25.
        return -torch.cdist(x, self.codes, compute_mode="donot_use_mm_for_euclid_dist").square()


class LeNet5Of1998(nn.Module):
    """LeNet-5 as published: C3 sees parts of S2, subsampling learns, and the output compares drawings.

    The net's answer in the paper is a distance to the code of each class, and the smallest wins. ``forward``
    returns the distances with a minus sign, so that the largest wins as with logits. Cross-entropy on them is
    the paper's loss (equation 9) without its class for rubbish.

    ``sources`` says for each map of C3 which maps of S2 it sees (the paper's table I); C1 and S2 have as many
    maps as it names. ``codes`` is a float tensor (num_classes, units of F6) of +1 and -1, by default the ten
    ``DIGITS``: 12x7 = 84 units.

    Input (N, in_channels, image_size, image_size) float, in the paper -0.1 for paper and 1.175 for ink;
    output (N, num_classes). Raises ``ValueError`` for images of another size, and for a number of classes
    that differs from that of the codes.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[int]],
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        image_size: int = 32,
        hidden: int = 120,
        codes: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, image_size, image_size)
        if codes is None:
            lines = [line.split() for line in DIGITS.split("\n") if line]
            drawings = ["".join(rows) for rows in zip(*lines, strict=True)]
            codes = torch.tensor([[1.0 if dot == "#" else -1.0 for dot in drawing] for drawing in drawings])
        if codes.ndim != 2 or len(codes) != num_classes:
            raise ValueError(
                f"{num_classes} classes need {num_classes} codes of +1 and -1, but codes has the shape "
                f"{tuple(codes.shape)} (by default the ten digits): give codes=..., a tensor "
                f"({num_classes}, units of F6)"
            )
        self.sides = _sides(image_size)
        first, last = 1 + max(max(seen) for seen in sources), len(sources)
        self.c1 = nn.Sequential(nn.Conv2d(in_channels, first, 5), Squash())
        self.s2 = Subsampling(first)
        self.c3 = nn.Sequential(PartialConvolution(sources, 5), Squash())
        self.s4 = Subsampling(last)
        self.c5 = nn.Sequential(nn.Conv2d(last, hidden, self.sides[-1]), Squash())
        self.f6 = nn.Sequential(nn.Flatten(), nn.Linear(hidden, codes.shape[1]), Squash())
        self.output = RBF(codes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the negative squared distances (N, num_classes) of images (N, C, H, W) to the codes."""
        check_image(x, self.input_shape, net="LeNet-5", fixed=True)
        x = self.s4(self.c3(self.s2(self.c1(x))))
        return self.output(self.f6(self.c5(x)))

    def connections(self) -> dict[str, int]:
        """Count the connections of each layer as the paper does: every input of every unit, and its bias.

        Units of a map share their parameters, so a layer has its parameters times the positions on its map; a
        unit of S2 and S4 has four inputs and a bias but one coefficient for all four, and the units of the
        output have no bias.
        """
        positions = [side**2 for side in self.sides]
        own = {name: sum(p.numel() for p in layer.parameters()) for name, layer in self.named_children()}
        return {
            "c1": positions[0] * own["c1"],
            "s2": positions[1] * own["s2"] // 2 * 5,
            "c3": positions[2] * own["c3"],
            "s4": positions[3] * own["s4"] // 2 * 5,
            "c5": own["c5"],
            "f6": own["f6"],
            "output": self.output.codes.numel(),
        }


class LeNet5(nn.Module):
    """LeNet-5 as it is taught today: C3 sees all of S2, ReLU, max pools, and logits from a linear layer.

    ``filters`` are those of C1 and C3, ``hidden`` the units of C5 and F6. ``padding`` is C1's: 2 makes of an
    image of 28x28 the 28x28 maps that the paper has from 32x32, so image_size=32, padding=0 gives a net with
    the same parameters and multiply-adds.

    Input (N, in_channels, image_size, image_size) float; output logits (N, num_classes). Raises
    ``ValueError`` for images of another size.
    """

    def __init__(
        self,
        filters: Sequence[int],
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        image_size: int = 28,
        padding: int = 2,
        hidden: Sequence[int] = (120, 84),
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, image_size, image_size)
        first, last = filters
        side = _sides(image_size + 2 * padding)[-1]
        self.c1 = nn.Sequential(nn.Conv2d(in_channels, first, 5, padding=padding), nn.ReLU())
        self.s2 = nn.MaxPool2d(2)
        self.c3 = nn.Sequential(nn.Conv2d(first, last, 5), nn.ReLU())
        self.s4 = nn.MaxPool2d(2)
        self.c5 = nn.Sequential(nn.Flatten(), nn.Linear(last * side**2, hidden[0]), nn.ReLU())
        self.f6 = nn.Sequential(nn.Linear(hidden[0], hidden[1]), nn.ReLU())
        self.output = nn.Linear(hidden[1], num_classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="LeNet-5", fixed=True)
        x = self.s4(self.c3(self.s2(self.c1(x))))
        return self.output(self.f6(self.c5(x)))


def _sides(image_size: int) -> list[int]:
    """Return the rows of the maps of C1, S2, C3 and S4."""
    c1 = image_size - 4
    s2 = c1 // 2
    c3 = s2 - 4
    s4 = c3 // 2
    if s4 < 1:
        raise ValueError(f"LeNet-5 needs images of at least 16x16 with their padding, not {image_size}")
    return [c1, s2, c3, s4]


NETS: dict[str, Callable[..., nn.Module]] = {
    "lenet5_1998": partial(LeNet5Of1998, C3),
    "lenet5": partial(LeNet5, FILTERS),
}
