# %% vgg
import torch
from torch import nn


def vgg(configuration, num_classes, in_channels):
    layers = []
    for entry in configuration.split():
        if entry == "M":
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
            continue
        small = entry.startswith("1x")
        filters = int(entry[2:] if small else entry)
        layers.append(nn.Conv2d(in_channels, filters, 1) if small else nn.Conv2d(in_channels, filters, 3, padding=1))
        in_channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes))


# %% MLPConv
class MLPConv(nn.Module):
    def __init__(self, in_channels, filters, hidden, kernel_size, stride):
        super().__init__()
        self.a = nn.Conv2d(in_channels, hidden, kernel_size, stride, kernel_size // 2)
        self.b = nn.Conv2d(hidden, hidden, 1)
        self.c = nn.Conv2d(hidden, filters, 1)

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


# %% NaiveInception
class NaiveInception(nn.Module):
    def __init__(self, in_channels, one, three, five):
        super().__init__()
        self.pool = nn.AvgPool2d(3, 1, 1)
        self.one = nn.Conv2d(in_channels, one, 1)
        self.three = nn.Conv2d(in_channels, three, 3, padding=1)
        self.five1 = nn.Conv2d(in_channels, five, 3, padding=1)
        self.five2 = nn.Conv2d(five, five, 3, padding=1)

    def forward(self, x):
        five = torch.relu(self.five2(torch.relu(self.five1(x))))
        return torch.cat([self.pool(x), torch.relu(self.one(x)), torch.relu(self.three(x)), five], dim=1)


# %% Inception
class Inception(nn.Module):
    def __init__(self, in_channels, one, three_reduce, three, five_reduce, five, pool_proj):
        super().__init__()
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.proj = nn.Conv2d(in_channels, pool_proj, 1)
        self.one = nn.Conv2d(in_channels, one, 1)
        self.reduce3, self.three = nn.Conv2d(in_channels, three_reduce, 1), nn.Conv2d(three_reduce, three, 3, padding=1)
        self.reduce5, self.five1 = nn.Conv2d(in_channels, five_reduce, 1), nn.Conv2d(five_reduce, five, 3, padding=1)
        self.five2 = nn.Conv2d(five, five, 3, padding=1)

    def forward(self, x):
        a = torch.relu(self.proj(self.pool(x)))
        b = torch.relu(self.one(x))
        c = torch.relu(self.three(self.reduce3(x)))
        d = torch.relu(self.five2(torch.relu(self.five1(self.reduce5(x)))))
        return torch.cat([a, b, c, d], dim=1)


# %% count_layers
def count_layers(configuration, in_channels, size, num_classes):
    parameters, macs = 0, 0
    for entry in configuration.split():
        if entry != "M":
            filters, cells = (int(entry[2:]), 1) if entry.startswith("1x") else (int(entry), 9)
            parameters += filters * (in_channels * cells + 1)
            macs += filters * in_channels * cells * size * size
            in_channels = filters
    return parameters + num_classes * (in_channels + 1), macs + num_classes * in_channels


# %% receptive_field
def receptive_field(configuration):
    rows, step = 1, 1
    for entry in configuration.split():
        if entry == "M":
            step *= 2
        elif not entry.startswith("1x"):
            rows += 2 * step
    return rows
