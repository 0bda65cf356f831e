# %% PreActBlock
import torch
import torch.nn as nn
import torch.nn.functional as F


class PreActBlock(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, stride=1, padding=1, bias=False)
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Conv2d(in_channels, channels, kernel_size=1, stride=stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        if hasattr(self, "shortcut"):
            shortcut = self.shortcut(out)
        else:
            shortcut = x
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        out += shortcut
        return out


# %% BottleneckD
class BottleneckD(nn.Module):
    expansion = 4

    def __init__(self, in_channels, channels, stride):
        super().__init__()
        out_channels = self.expansion * channels
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.AvgPool2d(2, 2) if stride == 2 else nn.Identity(),
                nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


# %% resnet
class ResNet(nn.Module):
    def __init__(self, blocks, width, num_classes, in_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, kernel_size=3, padding=1, bias=False)
        self.in_planes = width
        stages = []
        for i, n in enumerate(blocks):
            stages.append(self._make_stage(width * 2**i, n, stride=1 if i == 0 else 2))
        self.stages = nn.ModuleList(stages)
        self.bn = nn.BatchNorm2d(self.in_planes)
        self.fc = nn.Linear(self.in_planes, num_classes)

    def _make_stage(self, planes, n, stride):
        layers = []
        for s in [stride] + [1] * (n - 1):
            layers.append(PreActBlock(self.in_planes, planes, s))
            self.in_planes = planes
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.conv(x)
        for stage in self.stages:
            x = stage(x)
        x = F.relu(self.bn(x))
        x = F.adaptive_avg_pool2d(x, 1)
        return self.fc(torch.flatten(x, 1))


def resnet(blocks, width, num_classes, in_channels):
    return ResNet(blocks, width, num_classes, in_channels)


# %% DenseLayer
class DenseLayer(nn.Module):
    def __init__(self, in_channels, growth_rate, factor):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, factor * growth_rate, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(factor * growth_rate)
        self.conv2 = nn.Conv2d(factor * growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)

    def forward(self, x):
        out = self.conv1(F.relu(self.bn1(x)))
        out = self.conv2(F.relu(self.bn2(out)))
        return torch.cat((x, out), dim=1)


# %% Transition
class Transition(nn.Module):
    def __init__(self, in_channels, compression):
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, int(in_channels * compression), kernel_size=1, bias=False)

    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


# %% densenet
class DenseNet(nn.Module):
    def __init__(self, blocks, growth_rate, compression, num_classes, in_channels):
        super().__init__()
        c = 2 * growth_rate
        self.conv = nn.Conv2d(in_channels, c, kernel_size=3, padding=1, bias=False)
        self.features = nn.Sequential()
        for i, n in enumerate(blocks):
            for j in range(n):
                self.features.add_module(f"block{i}_layer{j}", DenseLayer(c, growth_rate, 4))
                c += growth_rate
            if i != len(blocks) - 1:
                self.features.add_module(f"transition{i}", Transition(c, compression))
                c = int(c * compression)
        self.bn = nn.BatchNorm2d(c)
        self.fc = nn.Linear(c, num_classes)

    def forward(self, x):
        out = F.relu(self.bn(self.features(self.conv(x))))
        return self.fc(out.mean([2, 3]))


densenet = DenseNet


# %% chain_gradients
def chain_gradients(x, weights, dout, skip):
    L = len(weights)
    cache = [x]
    for l in range(L):
        cache.append(skip * cache[l] + np.maximum(0, cache[l]) @ weights[l])
    grads = np.zeros((L + 1, *x.shape))
    grads[L] = dout
    for l in range(L - 1, -1, -1):
        through = grads[l + 1] @ weights[l].T
        through[cache[l] <= 0] = 0
        grads[l] = skip * grads[l + 1] + through
    return grads


# %% degradation_question
# The training error is higher as well, so the deep net does not overfit, it fits worse. It is hard to optimise. It could
# be as good: copy the 20 layers and let the other ones do nothing. A ReLU behind the sum removes all negative
# values, so the shortcut is not the identity any more. And the factor makes the gradient half as large in each block.
