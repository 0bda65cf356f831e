# %% layer_table
def layer_table(layers, channels, size):
    rows = [(channels, size, channels * size**2, 0)]
    for kind, *a in layers:
        if kind == "conv":
            size = (size + 2 * a[3] - a[1]) // a[2] + 1
            rows.append((a[0], size, a[0] * size**2, a[0] * (channels // a[4] * a[1] ** 2 + 1)))
            channels = a[0]
        elif kind == "pool":
            size = (size - a[0]) // a[1] + 1
            rows.append((channels, size, 0, 0))
        else:
            rows.append((a[0], 1, a[0], a[0] * (channels + 1)))
            channels, size = a[0], 1
    return np.array(rows)


# %% dropout
def dropout(x, p, u, train):
    if train:
        return x * (u >= p)
    return x * (1 - p)


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    y = x.astype(float)
    for c in range(x.shape[1]):
        total = (y[:, max(0, c - size // 2) : c + size // 2 + 1] ** 2).sum(axis=1)
        y[:, c] = y[:, c] / (k + alpha * total) ** beta
    return y


# %% TwoTowers
import torch
from torch import nn
from torch.nn import functional as F


class TwoTowers(nn.Module):
    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        self.dropout = dropout
        both = left[1] + right[1]
        self.l = nn.ModuleList(
            [
                nn.Conv2d(channels, left[0], *first),
                nn.Conv2d(left[0], left[1], 5, padding=2),
                nn.Conv2d(both, left[2], 3, padding=1),
                nn.Conv2d(left[2], left[3], 3, padding=1),
                nn.Conv2d(left[3], left[4], 3, padding=1),
            ]
        )
        self.r = nn.ModuleList(
            [
                nn.Conv2d(channels, right[0], *first),
                nn.Conv2d(right[0], right[1], 5, padding=2),
                nn.Conv2d(both, right[2], 3, padding=1),
                nn.Conv2d(right[2], right[3], 3, padding=1),
                nn.Conv2d(right[3], right[4], 3, padding=1),
            ]
        )
        n = (size - first[0]) // first[1] + 1
        for _ in range(3):
            n = (n - 3) // 2 + 1
        self.fc6 = nn.Linear((left[4] + right[4]) * n * n, hidden[0])
        self.fc7 = nn.Linear(hidden[0], hidden[1])
        self.fc8 = nn.Linear(hidden[1], classes)

    def forward(self, x):
        l = r = x
        for i in range(5):
            if i == 2:
                l = r = torch.cat([l, r], 1)
            l, r = F.relu(self.l[i](l)), F.relu(self.r[i](r))
            if i < 2:
                l, r = (F.local_response_norm(m, 5, 5e-4, 0.75, 2) for m in (l, r))
            if i in (0, 1, 4):
                l, r = F.max_pool2d(l, 3, 2), F.max_pool2d(r, 3, 2)
        x = torch.cat([l, r], 1).flatten(1)
        x = F.dropout(F.relu(self.fc6(x)), self.dropout[0])
        x = F.dropout(F.relu(self.fc7(x)), self.dropout[1])
        return self.fc8(x)


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    t, l = top[0], left[0]
    crops = images[:, :, t : t + size, l : l + size].copy()
    crops[flip] = crops[flip][:, :, :, ::-1]
    return crops


# %% retrieve
def retrieve(features, queries, k):
    out = []
    for q in queries:
        d = ((features - q) ** 2).sum(axis=1)
        out.append(np.argsort(d)[1 : k + 1])
    return np.array(out)
