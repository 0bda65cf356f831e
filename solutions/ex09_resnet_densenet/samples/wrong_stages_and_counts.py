# %% PreActBlock
import torch
from torch import nn


class PreActBlock(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut = None
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(self, x):
        a = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(a))))
        return y + (x if self.shortcut is None else self.shortcut(a))


# %% BottleneckD
class BottleneckD(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * channels, 1, bias=False),
            nn.BatchNorm2d(4 * channels),
        )
        self.shortcut = nn.Sequential()
        if stride == 2 or in_channels != 4 * channels:
            self.shortcut.append(nn.Conv2d(in_channels, 4 * channels, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(4 * channels))

    def forward(self, x):
        return torch.relu(self.layers(x) + self.shortcut(x))


# %% resnet
def resnet(blocks, width, num_classes, in_channels):
    layers = [nn.Conv2d(in_channels, width, 3, padding=1, bias=False)]
    c = width
    for stage, n in enumerate(blocks):
        for k in range(n):
            layers.append(PreActBlock(c, width * 2**stage, 2 if k == 0 else 1))
            c = width * 2**stage
    layers += [nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, num_classes)]
    return nn.Sequential(*layers)


# %% DenseLayer
class DenseLayer(nn.Module):
    def __init__(self, in_channels, growth_rate, factor):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(),
            nn.Conv2d(in_channels, factor * growth_rate, 1, bias=False),
            nn.BatchNorm2d(factor * growth_rate),
            nn.ReLU(),
            nn.Conv2d(factor * growth_rate, growth_rate, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return torch.cat([self.layers(x), x], dim=1)


# %% Transition
class Transition(nn.Module):
    def __init__(self, in_channels, compression):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(),
            nn.Conv2d(in_channels, int(compression * in_channels), 1, bias=False),
            nn.MaxPool2d(2),
        )

    def forward(self, x):
        return self.layers(x)


# %% densenet
def densenet(blocks, growth_rate, compression, num_classes, in_channels):
    c = 2 * growth_rate
    layers = [nn.Conv2d(in_channels, c, 3, padding=1, bias=False)]
    for n in blocks:
        for _ in range(n):
            layers.append(DenseLayer(c, growth_rate, 4))
            c += growth_rate
        layers.append(Transition(c, compression))
        c = int(compression * c)
    layers += [nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, num_classes)]
    return nn.Sequential(*layers)


# %% chain_gradients
def chain_gradients(x, weights, dout, skip):
    states = [x]
    for w in weights:
        states.append(skip * states[-1] + np.maximum(states[-1], 0) @ w)
    grads = [dout]
    for l in range(len(weights) - 1, -1, -1):
        grads.append((states[l] > 0) * (skip * grads[-1] + grads[-1] @ weights[l].T))
    return np.stack(grads)[::-1]


# %% degradation_question
# Dropout does not help, since the training error is high too.
