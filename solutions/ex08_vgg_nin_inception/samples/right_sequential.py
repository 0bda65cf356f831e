# %% vgg
import torch
from torch import nn


def vgg(configuration, num_classes, in_channels):
    layers = []
    channels = in_channels
    for entry in configuration.split():
        if entry == "M":
            layers.append(nn.MaxPool2d(2, 2))
        elif entry.startswith("1x"):
            layers.append(nn.Conv2d(channels, int(entry[2:]), 1))
            layers.append(nn.ReLU())
            channels = int(entry[2:])
        else:
            layers.append(nn.Conv2d(channels, int(entry), 3, padding=1))
            layers.append(nn.ReLU())
            channels = int(entry)
    layers.append(nn.AdaptiveAvgPool2d(1))
    layers.append(nn.Flatten())
    layers.append(nn.Linear(channels, num_classes))
    return nn.Sequential(*layers)


# %% MLPConv
def MLPConv(in_channels, filters, hidden, kernel_size, stride):
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden, kernel_size, stride, kernel_size // 2),
        nn.ReLU(),
        nn.Conv2d(hidden, hidden, 1),
        nn.ReLU(),
        nn.Conv2d(hidden, filters, 1),
        nn.ReLU(),
    )


# %% NaiveInception
class NaiveInception(nn.Module):
    def __init__(self, in_channels, one, three, five):
        super().__init__()
        self.path1 = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.path2 = nn.Sequential(nn.Conv2d(in_channels, one, 1), nn.ReLU())
        self.path3 = nn.Sequential(nn.Conv2d(in_channels, three, 3, padding=1), nn.ReLU())
        self.path4 = nn.Sequential(
            nn.Conv2d(in_channels, five, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(five, five, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x):
        return torch.cat([self.path1(x), self.path2(x), self.path3(x), self.path4(x)], dim=1)


# %% Inception
class Inception(nn.Module):
    def __init__(self, in_channels, one, three_reduce, three, five_reduce, five, pool_proj):
        super().__init__()
        self.path1 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            nn.Conv2d(in_channels, pool_proj, 1),
            nn.ReLU(),
        )
        self.path2 = nn.Sequential(nn.Conv2d(in_channels, one, 1), nn.ReLU())
        self.path3 = nn.Sequential(
            nn.Conv2d(in_channels, three_reduce, 1),
            nn.ReLU(),
            nn.Conv2d(three_reduce, three, 3, padding=1),
            nn.ReLU(),
        )
        self.path4 = nn.Sequential(
            nn.Conv2d(in_channels, five_reduce, 1),
            nn.ReLU(),
            nn.Conv2d(five_reduce, five, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(five, five, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x):
        return torch.cat([self.path1(x), self.path2(x), self.path3(x), self.path4(x)], dim=1)


# %% count_layers
def count_layers(configuration, in_channels, size, num_classes):
    parameters, macs = 0, 0
    channels = in_channels
    for entry in configuration.split():
        if entry == "M":
            size = size // 2
        else:
            if entry.startswith("1x"):
                filters, cells = int(entry[2:]), 1
            else:
                filters, cells = int(entry), 9
            parameters += filters * (channels * cells + 1)
            macs += filters * channels * cells * size * size
            channels = filters
    parameters += num_classes * (channels + 1)
    macs += num_classes * channels
    return parameters, macs


# %% receptive_field
def receptive_field(configuration):
    rows, step = 1, 1
    for entry in configuration.split():
        if entry == "M":
            rows += step
            step *= 2
        elif not entry.startswith("1x"):
            rows += 2 * step
    return rows
