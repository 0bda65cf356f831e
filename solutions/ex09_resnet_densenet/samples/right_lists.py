# %% PreActBlock
import torch
from torch import nn


def conv(kind, i, o, s=1):
    return nn.Conv2d(i, o, kind, s, kind // 2, bias=False)


class PreActBlock(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                "skip": nn.Identity(),
                "b": conv(3, channels, channels),
                "a": conv(3, in_channels, channels, stride),
                "norm_b": nn.BatchNorm2d(channels),
                "norm_a": nn.BatchNorm2d(in_channels),
            }
        )
        self.changes = not (in_channels == channels and stride == 1)
        if self.changes:
            self.layers["skip"] = conv(1, in_channels, channels, stride)

    def forward(self, x):
        m = self.layers
        start = m["norm_a"](x).relu()
        y = m["b"](m["norm_b"](m["a"](start)).relu())
        return torch.add(y, m["skip"](start if self.changes else x))


# %% BottleneckD
class BottleneckD(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        sizes = [in_channels, channels, channels, 4 * channels]
        self.convs = nn.ModuleList()
        self.norms = nn.ModuleList()
        for k in range(3):
            kind = 3 if k == 1 else 1
            self.convs.append(conv(kind, sizes[k], sizes[k + 1], stride if k == 1 else 1))
            self.norms.append(nn.BatchNorm2d(sizes[k + 1]))
        self.skip = nn.ModuleList()
        if stride == 2:
            self.skip.append(nn.AvgPool2d(kernel_size=2, stride=2))
        if stride == 2 or in_channels != sizes[-1]:
            self.skip.append(conv(1, in_channels, sizes[-1]))
            self.skip.append(nn.BatchNorm2d(sizes[-1]))

    def forward(self, x):
        y = x
        for k, (c, n) in enumerate(zip(self.convs, self.norms)):
            y = n(c(y))
            if k < 2:
                y = torch.relu(y)
        for layer in self.skip:
            x = layer(x)
        return torch.relu(x + y)


# %% resnet
def resnet(blocks, width, num_classes, in_channels):
    net = nn.Sequential()
    net.add_module("stem", conv(3, in_channels, width))
    c = width
    for stage in range(len(blocks)):
        group = nn.Sequential()
        for k in range(blocks[stage]):
            first = k == 0 and stage > 0
            group.append(PreActBlock(c, c * 2 if first else c, 2 if first else 1))
            c = c * 2 if first else c
        net.add_module(f"stage{stage + 1}", group)
    net.add_module("norm", nn.BatchNorm2d(c))
    net.add_module("relu", nn.ReLU(inplace=True))
    net.add_module("pool", nn.AdaptiveAvgPool2d(1))
    net.add_module("classes", nn.Conv2d(c, num_classes, 1))
    net.add_module("flat", nn.Flatten())
    return net


# %% DenseLayer
class DenseLayer(nn.Module):
    def __init__(self, in_channels, growth_rate, factor):
        super().__init__()
        w = growth_rate * factor
        self.layers = [
            nn.BatchNorm2d(in_channels),
            nn.ReLU(),
            conv(1, in_channels, w),
            nn.BatchNorm2d(w),
            nn.ReLU(),
            conv(3, w, growth_rate),
        ]
        for k, layer in enumerate(self.layers):
            self.add_module("layer" + str(k), layer)

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer(y)
        return torch.cat([x, y], dim=-3)


# %% Transition
class Transition(nn.Module):
    def __init__(self, in_channels, compression):
        super().__init__()
        self.pool = nn.AvgPool2d(2)
        self.conv = conv(1, in_channels, int(compression * in_channels))
        self.norm = nn.BatchNorm2d(in_channels)

    def forward(self, x):
        for part in (self.norm, torch.relu, self.conv, self.pool):
            x = part(x)
        return x


# %% densenet
def densenet(blocks, growth_rate, compression, num_classes, in_channels):
    c = growth_rate * 2
    parts = nn.ModuleList([conv(3, in_channels, c)])
    todo = list(blocks)
    while todo:
        for _ in range(todo.pop(0)):
            parts.append(DenseLayer(c, growth_rate, 4))
            c += growth_rate
        if todo:
            parts.append(Transition(c, compression))
            c = int(compression * c)
    parts.extend([nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, num_classes)])
    return nn.Sequential(*parts)


# %% chain_gradients
def chain_gradients(x, weights, dout, skip):
    N, D = x.shape
    L = len(weights)
    grads = np.empty((L + 1, N, D))
    for n in range(N):
        jacobians, state = [], x[n]
        for l in range(L):
            jacobians.append(skip * np.eye(D) + np.diag((state > 0) * 1.0) @ weights[l])
            state = skip * state + np.maximum(state, 0) @ weights[l]
        g = dout[n]
        grads[L, n] = g
        for l in reversed(range(L)):
            g = jacobians[l] @ g
            grads[l, n] = g
    return grads
