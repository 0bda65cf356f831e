# %% layer_table
def layer_table(layers, channels, size):
    table = [[channels, size, channels * size**2, 0]]
    for kind, *a in layers:
        if kind == "conv":
            size = (size + 2 * a[3] - a[1]) // a[2] + 1
            table.append([a[0], size, a[0] * size**2, a[0] * channels // a[4] * a[1] ** 2 + a[0]])
            channels = a[0]
        elif kind == "pool":
            size = (size - a[0]) // a[1] + 1
            table.append([channels, size, channels * size**2, 0])
        else:
            table.append([a[0], 1, a[0], a[0] * channels * size**2 + a[0]])
            channels, size = a[0], 1
    return np.array(table)


# %% dropout
def dropout(x, p, u, train):
    if not train:
        return x
    return x * (u > p) / (1 - p)


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    half = size // 2
    padded = np.pad(x.astype(float), ((0, 0), (0, 0), (half, half), (half, half)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
    return x / (k + alpha * (windows**2).sum(axis=(4, 5))) ** beta


# %% TwoTowers
import torch
from torch import nn


class TwoTowers(nn.Module):
    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()

        def stage(c, f, k, s=1, p=0):
            return [nn.Conv2d(c, f, k, s, p), nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.ReLU(), nn.MaxPool2d(3, 2)]

        def lower(w):
            return nn.Sequential(*stage(channels, w[0], *first), *stage(w[0], w[1], 5, 1, 2))

        def upper(w):
            layers = []
            for c, f in zip((left[1] + right[1], w[2], w[3]), w[2:]):
                layers += [nn.Conv2d(c, f, 3, 1, 1), nn.ReLU()]
            return nn.Sequential(*layers, nn.MaxPool2d(3, 2), nn.Flatten())

        self.a, self.b, self.c, self.d = lower(left), lower(right), upper(left), upper(right)
        n = (size - first[0]) // first[1] + 1
        for _ in range(3):
            n = (n - 3) // 2 + 1
        self.fc = nn.Sequential(
            nn.Linear((left[4] + right[4]) * n * n, hidden[0]), nn.ReLU(), nn.Dropout(dropout[0]),
            nn.Linear(hidden[0], hidden[1]), nn.ReLU(), nn.Dropout(dropout[1]),
            nn.Linear(hidden[1], classes),
        )

    def forward(self, x):
        y = torch.cat([self.a(x), self.b(x)], 1)
        return self.fc(torch.cat([self.c(y), self.d(y)], 1))


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    crops = [im[:, t : t + size, l : l + size] for im, t, l in zip(images, top, left)]
    return np.stack([c[:, ::-1] if f else c for c, f in zip(crops, flip)])


# %% retrieve
def retrieve(features, queries, k):
    d = ((features[:, None] - queries[None]) ** 2).sum(axis=2)
    return np.argsort(d, axis=0, kind="stable")[:k]
