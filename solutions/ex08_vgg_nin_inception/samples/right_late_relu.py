# %% vgg
import torch
from torch import nn


def vgg(configuration, num_classes, in_channels):
    """ReLU and max pool may change places."""
    layers = []
    c = in_channels
    words = configuration.split() + ["end"]
    for word, following in zip(words, words[1:]):
        if word == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            if len(layers) > 1 and isinstance(layers[-2], nn.Conv2d):
                layers.append(nn.ReLU(inplace=True))
        else:
            k = 1 if word[:2] == "1x" else 3
            f = int(word[2:]) if k == 1 else int(word)
            layers.append(nn.Conv2d(c, f, (k, k), padding="same"))
            c = f
            if following != "M":
                layers.append(nn.ReLU(inplace=True))
    # the linear layer may come before the mean
    return nn.Sequential(*layers, nn.Conv2d(c, num_classes, 1), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())


# %% MLPConv
class MLPConv(nn.Module):
    def __init__(self, in_channels, filters, hidden, kernel_size, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, hidden, kernel_size, padding=kernel_size // 2)
        self.conv2 = nn.Conv2d(hidden, hidden, 1, stride=stride)  # dropping pixels later computes the same
        self.conv3 = nn.Conv2d(hidden, filters, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.conv3(self.relu(self.conv2(self.relu(self.conv1(x))))))


# %% NaiveInception
class NaiveInception(nn.Module):
    def __init__(self, in_channels, one, three, five):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, one, 1)
        self.conv3 = nn.Conv2d(in_channels, three, 3, padding="same")
        self.conv5a = nn.Conv2d(in_channels, five, 3, padding="same")
        self.conv5b = nn.Conv2d(five, five, 3, padding="same")
        self.pool = nn.AvgPool2d(3, 1, 1, False, False)

    def forward(self, x):
        a = self.conv1(x)
        b = self.conv3(x)
        c = self.conv5b(self.conv5a(x).relu())
        return torch.cat([self.pool(x), torch.cat([a, b, c], 1).relu()], 1)


# %% Inception
class Inception(nn.Module):
    def __init__(self, in_channels, one, three_reduce, three, five_reduce, five, pool_proj):
        super().__init__()
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.proj = nn.Conv2d(in_channels, pool_proj, 1)
        self.one = nn.Conv2d(in_channels, one, 1)
        self.three = nn.Sequential(
            nn.Conv2d(in_channels, three_reduce, 1), nn.ReLU(True), nn.Conv2d(three_reduce, three, 3, padding=1)
        )
        self.five = nn.Sequential(
            *(nn.Conv2d(in_channels, five_reduce, 1), nn.ReLU(True)),
            *(nn.Conv2d(five_reduce, five, 3, padding=1), nn.ReLU(True), nn.Conv2d(five, five, 3, padding=1)),
        )

    def forward(self, x):
        # project first: fewer maps to average, and a mean of the same bias is that bias
        paths = [self.pool(self.proj(x)), self.one(x), self.three(x), self.five(x)]
        return nn.functional.relu_(torch.cat(paths, dim=1))


# %% count_layers
def count_layers(configuration, in_channels, size, num_classes):
    sizes, channels = [size], [in_channels]
    p, m = [], []
    for word in configuration.split():
        if word == "M":
            sizes.append(sizes[-1] // 2)
        elif word.startswith("1x"):
            f = int(word[2:])
            p.append(f * channels[-1] + f)
            m.append(f * channels[-1] * sizes[-1] ** 2)
            channels.append(f)
        else:
            f = int(word)
            p.append(f * channels[-1] * 9 + f)
            m.append(f * channels[-1] * 9 * sizes[-1] ** 2)
            channels.append(f)
    p.append(num_classes * channels[-1] + num_classes)
    m.append(num_classes * channels[-1])
    return sum(p), sum(m)


# %% receptive_field
def receptive_field(configuration):
    if not configuration:
        return 1
    *before, last = configuration.split()
    window = {"M": 2}.get(last, 1 if "x" in last else 3)
    return receptive_field(" ".join(before)) + (window - 1) * 2 ** before.count("M")
