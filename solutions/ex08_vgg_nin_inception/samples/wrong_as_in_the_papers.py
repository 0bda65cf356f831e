# %% vgg
import torch
from torch import nn


def vgg(configuration, num_classes, in_channels):
    layers = []
    for entry in configuration.split():
        if entry == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        small = entry.startswith("1x")
        filters = int(entry[2:] if small else entry)
        layers.append(nn.Conv2d(in_channels, filters, 1) if small else nn.Conv2d(in_channels, filters, 3, padding=1))
        layers.append(nn.ReLU())
        in_channels = filters
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(49 * in_channels, num_classes)]
    return nn.Sequential(*layers)


# %% MLPConv
class MLPConv(nn.Module):
    def __init__(self, in_channels, filters, hidden, kernel_size, stride):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, filters, kernel_size, stride, kernel_size // 2),
            nn.ReLU(),
            nn.Conv2d(filters, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, filters, 1),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.layers(x)


# %% NaiveInception
class NaiveInception(nn.Module):
    def __init__(self, in_channels, one, three, five):
        super().__init__()
        self.pool = nn.MaxPool2d(3, 1, 1)
        self.one = nn.Conv2d(in_channels, one, 1)
        self.three = nn.Conv2d(in_channels, three, 3, padding=1)
        self.five = nn.Conv2d(in_channels, five, 5, padding=2)

    def forward(self, x):
        paths = [torch.relu(self.one(x)), torch.relu(self.three(x)), torch.relu(self.five(x)), self.pool(x)]
        return torch.cat(paths, dim=1)


# %% Inception
class Inception(nn.Module):
    def __init__(self, in_channels, one, three_reduce, three, five_reduce, five, pool_proj):
        super().__init__()

        def conv(a, b, k):
            return nn.Sequential(nn.Conv2d(a, b, k, padding=k // 2), nn.ReLU())

        self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv(in_channels, pool_proj, 1))
        self.one = conv(in_channels, one, 1)
        self.three = nn.Sequential(conv(in_channels, three_reduce, 1), conv(three_reduce, three, 3))
        self.five = nn.Sequential(
            conv(in_channels, five_reduce, 1), conv(five_reduce, five, 3), conv(five, five, 3)
        )

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)


# %% count_layers
def count_layers(configuration, in_channels, size, num_classes):
    parameters, macs = 0, 0
    for entry in configuration.split():
        if entry == "M":
            size = size // 2
            continue
        filters, cells = (int(entry[2:]), 1) if entry.startswith("1x") else (int(entry), 9)
        parameters += filters * in_channels * cells
        macs += filters * in_channels * cells * size * size
        in_channels = filters
    return parameters + num_classes * in_channels, macs + num_classes * in_channels


# %% receptive_field
def receptive_field(configuration):
    rows, step = 1, 1
    for entry in configuration.split():
        if entry == "M":
            rows += 2 * step
            step *= 2
        elif not entry.startswith("1x"):
            rows += 2 * step
    return rows
