# %% vgg
import torch
from torch import nn


class Mean(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h * w).sum(-1) / (h * w)


def block(word, c):
    if word == "M":
        return nn.MaxPool2d(2), c
    kind, _, number = word.rpartition("x")
    f = int(number)
    k = int(kind or 3)
    return nn.Sequential(nn.Conv2d(c, f, k, 1, (k - 1) // 2), nn.ReLU()), f


def vgg(configuration, num_classes, in_channels):
    net, c = nn.Sequential(), in_channels
    for number, word in enumerate(configuration.split(" ")):
        part, c = block(word, c)
        net.add_module(f"layer{number}", part)
    net.add_module("mean", Mean())
    net.add_module("linear", nn.Linear(c, num_classes))
    return net


# %% MLPConv
class MLPConv(nn.Module):
    """The small network as linear layers on the channels, which come last for them."""

    def __init__(self, i, f, h, k, s):
        super().__init__()
        self.conv = nn.Conv2d(i, h, k, s, k // 2)
        self.net = nn.Sequential(nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, f), nn.ReLU())

    def forward(self, x):
        return self.net(self.conv(x).movedim(1, -1)).movedim(-1, 1)


# %% NaiveInception
class Means(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c

    def forward(self, x):
        ones = torch.ones(self.c, 1, 3, 3, dtype=x.dtype)
        total = nn.functional.conv2d(x, ones, padding=1, groups=self.c)
        return total / nn.functional.conv2d(torch.ones_like(x), ones, padding=1, groups=self.c)


def conv(i, f, k):
    return nn.Sequential(nn.Conv2d(i, f, k, padding=k // 2), nn.ReLU())


class NaiveInception(nn.ModuleList):
    def __init__(self, i, a, b, c):
        super().__init__([Means(i), conv(i, a, 1), conv(i, b, 3), nn.Sequential(conv(i, c, 3), conv(c, c, 3))])

    def forward(self, x):
        return torch.concat([path(x) for path in self], dim=-3)


# %% Inception
class Inception(nn.ModuleDict):
    def __init__(self, i, one, r3, f3, r5, f5, p):
        super().__init__()
        self["five"] = nn.Sequential(conv(i, r5, 1), conv(r5, f5, 3), conv(f5, f5, 3))
        self["three"] = nn.Sequential(conv(i, r3, 1), conv(r3, f3, 3))
        self["one"] = conv(i, one, 1)
        self["pool"] = nn.Sequential(Means(i), conv(i, p, 1))

    def forward(self, x):
        return torch.concat([self[name](x) for name in ("pool", "one", "three", "five")], dim=1)


# %% count_layers
def count_layers(configuration, in_channels, size, num_classes):
    with torch.device("meta"):
        net = vgg(configuration, num_classes, in_channels)
        x = torch.empty(1, in_channels, size, size)
    macs = 0

    def hook(module, inputs, output):
        nonlocal macs
        macs += output.numel() * module.weight[0].numel()

    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(hook)
    net(x)
    return sum(p.numel() for p in net.parameters()), macs


# %% receptive_field
def receptive_field(configuration):
    first, last = 0, 0
    for word in configuration.split()[::-1]:
        if word == "M":
            first, last = 2 * first, 2 * last + 1
        elif not word.startswith("1x"):
            first, last = first - 1, last + 1
    return last - first + 1
