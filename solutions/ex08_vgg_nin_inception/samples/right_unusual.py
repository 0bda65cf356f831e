# %% vgg
import re

import torch
from torch import nn


class VGG(nn.Module):
    def __init__(self, stages, classes, c):
        super().__init__()
        self.stages = nn.ModuleList()
        for stage in stages:
            layers = nn.ModuleList()
            for kind, number in re.findall(r"(1x)?(\d+)", stage):
                f = int(number)
                layers.append(nn.LazyConv2d(f, 1 if kind else 3, padding=0 if kind else 1))
                c = f
            self.stages.append(layers)
        self.head = nn.Linear(c, classes)

    def forward(self, x):
        for number, stage in enumerate(self.stages):
            if number:
                x = x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
                x = torch.maximum(x[..., ::2, :], x[..., 1::2, :])
                x = torch.maximum(x[..., ::2], x[..., 1::2])
            for layer in stage:
                x = layer(x).relu()
        return self.head(x.flatten(2).mean(-1))


def vgg(configuration, num_classes, in_channels):
    return VGG(configuration.split("M"), num_classes, in_channels)


# %% MLPConv
def MLPConv(i, f, h, k, s):
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleDict({"c": nn.Conv2d(h, f, (1, 1)), "b": nn.Conv2d(h, h, (1, 1))})
            self.layers["a"] = nn.Conv2d(i, h, (k, k), (s, s))

        def forward(self, x):
            x = nn.functional.pad(x, [k // 2] * 4)
            for name in "abc":
                x = self.layers[name](x)
                x = x * (x > 0)
            return x

    return Layer()


# %% NaiveInception
class Block(nn.Conv2d):
    def __init__(self, i, o, k):
        super().__init__(i, o, k, padding=k // 2)

    def forward(self, x):
        return nn.functional.relu(super().forward(x))


class NaiveInception(nn.Module):
    def __init__(self, i, *filters):
        super().__init__()
        one, three, five = filters
        self.convs = nn.ModuleList([Block(five, five, 3), Block(i, five, 3), Block(i, three, 3), Block(i, one, 1)])

    def forward(self, x):
        n, c, h, w = x.shape
        out = x.new_empty(n, c + sum(conv.out_channels for conv in self.convs[1:]), h, w)
        d, e, b, a = self.convs
        parts = [nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False), a(x), b(x), d(e(x))]
        start = 0
        for part in parts:
            out[:, start : start + part.shape[1]] = part
            start += part.shape[1]
        return out


# %% Inception
class Inception(nn.Module):
    def __init__(self, i, one, r3, f3, r5, f5, p):
        super().__init__()
        self.pool = nn.AvgPool2d((3, 3), (1, 1), (1, 1), count_include_pad=False)
        self.a = Block(i, p, 1)
        self.b = Block(i, one, 1)
        self.c1, self.c2 = Block(i, r3, 1), Block(r3, f3, 3)
        self.d1, self.d2, self.d3 = Block(i, r5, 1), Block(r5, f5, 3), Block(f5, f5, 3)

    def forward(self, x):
        c = self.c2(self.c1(x))
        d = self.d3(self.d2(self.d1(x)))
        maps = list(self.a(self.pool(x)).unbind(1)) + list(self.b(x).unbind(1)) + list(c.unbind(1)) + list(d.unbind(1))
        return torch.stack(maps, dim=1)


# %% count_layers
def count_layers(configuration, in_channels, size, num_classes):
    def convolution(f, c, cells, pixels):
        return np.array([f * c * cells + f, f * c * cells * pixels])

    total = np.zeros(2, dtype=np.int64)
    for word in configuration.split():
        match word[0], word:
            case "M", _:
                size >>= 1
            case "1", w if w.startswith("1x"):
                total += convolution(int(w[2:]), in_channels, 1, size**2)
                in_channels = int(w[2:])
            case _, w:
                total += convolution(int(w), in_channels, 9, size**2)
                in_channels = int(w)
    total += convolution(num_classes, in_channels, 1, 1)
    return total[0], total[1]


# %% receptive_field
def receptive_field(configuration):
    stages = configuration.split("M")
    threes = [sum("x" not in word for word in stage.split()) for stage in stages]
    return 1 + sum(2 * n * 2**s for s, n in enumerate(threes)) + 2 ** (len(stages) - 1) - 1
