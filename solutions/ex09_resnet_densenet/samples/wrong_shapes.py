# %% PreActBlock
import torch
from torch import nn


class PreActBlock(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.shortcut = nn.Identity()
        if stride != 1:
            self.shortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
        self.project = stride != 1

    def forward(self, x):
        a = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(a))))
        return y + self.shortcut(a if self.project else x)


# %% BottleneckD
class BottleneckD(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, stride, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * channels, 1, bias=False),
            nn.BatchNorm2d(4 * channels),
        )
        self.shortcut = nn.Sequential()
        if stride == 2:
            self.shortcut.append(nn.AvgPool2d(2))
        if stride == 2 or in_channels != 4 * channels:
            self.shortcut.append(nn.Conv2d(in_channels, 4 * channels, 1, bias=False))
            self.shortcut.append(nn.BatchNorm2d(4 * channels))

    def forward(self, x):
        return torch.relu(self.layers(x) + self.shortcut(x))


# %% resnet
class resnet(nn.Module):
    def __init__(self, blocks, width, num_classes, in_channels):
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)
        self.blocks = []
        c = width
        for stage, n in enumerate(blocks):
            for k in range(n):
                self.blocks.append(PreActBlock(c, width * 2**stage, 2 if stage > 0 and k == 0 else 1))
                c = width * 2**stage
        self.bn = nn.BatchNorm2d(c)
        self.fc = nn.Linear(c, num_classes)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(torch.relu(self.bn(x)).mean((2, 3)))


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
            nn.Conv2d(factor * growth_rate, growth_rate, 3, 1, 1, bias=False),
        )

    def forward(self, x):
        return self.layers(x)


# %% Transition
class Transition(nn.Module):
    def __init__(self, in_channels, compression):
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, round(compression * in_channels), 1, bias=False)

    def forward(self, x):
        return nn.functional.avg_pool2d(self.conv(torch.relu(self.bn(x))), 2)


# %% chain_gradients
def chain_gradients(x, weights, dout, skip):
    states = [x]
    for w in weights:
        states.append(skip * states[-1] + np.maximum(states[-1], 0) @ w)
    g = dout
    for w, s in zip(weights[::-1], states[-2::-1]):
        g = skip * g + (s > 0) * (g @ w.T)
    return g
