# %% layer_table
def _conv(c, n, filters, kernel_size, stride, padding, groups):
    n = int(np.floor((n + 2 * padding - kernel_size) / stride)) + 1
    return filters, n, filters * n * n, (c / groups * kernel_size**2 + 1) * filters


def _pool(c, n, kernel_size, stride):
    return c, len(range(0, n - kernel_size + 1, stride)), 0, 0


def _fc(c, n, units):
    return units, 1, units, (c * n * n + 1) * units


def layer_table(layers, channels, size):
    rows = [(channels, size, channels * size * size, 0)]
    for kind, *about in layers:
        rows.append({"conv": _conv, "pool": _pool, "fc": _fc}[kind](rows[-1][0], rows[-1][1], *about))
    return np.asarray(rows)


# %% dropout
def dropout(x, p, u, train):
    print("dropping", p)
    y = x.astype(np.float64) if x.dtype.kind in "iu" else x.copy()
    if train:
        y[u < p] = 0
        y /= 1 - p
    return y


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    channel = np.arange(x.shape[1])
    near = np.abs(channel[:, None] - channel[None, :]) <= size // 2
    total = np.einsum("ij,njhw->nihw", near.astype(float), x.astype(float) ** 2)
    return x / (k + alpha * total) ** beta


# %% TwoTowers
import torch
from torch import nn


class Tower(nn.Module):
    def __init__(self, channels, widths, both, first):
        super().__init__()
        a, b, c, d, e = widths
        self.norm, self.pool = nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.MaxPool2d(3, 2)
        self.top = nn.ModuleDict({"5": nn.Conv2d(d, e, 3, padding=1), "4": nn.Conv2d(c, d, 3, padding=1)})
        self.meet = nn.Conv2d(both, c, 3, padding="same")
        self.conv2, self.conv1 = nn.Conv2d(a, b, 5, padding="same"), nn.Conv2d(channels, a, *first)

    def down(self, x):
        for conv in (self.conv1, self.conv2):
            x = self.norm(conv(x).clamp_min(0))
            x = self.pool(x)
        return x

    def up(self, x):
        x = self.meet(x).relu()
        x = self.top["4"](x).relu()
        return self.pool(self.top["5"](x)).relu()  # pooling first gives the same


class TwoTowers(nn.Module):
    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        both = left[1] + right[1]
        self.right, self.left = Tower(channels, right, both, first), Tower(channels, left, both, first)
        with torch.no_grad():
            inputs = self.features(torch.zeros(1, channels, size, size)).shape[1]
        self.head = nn.Sequential()
        self.head.append(nn.Linear(inputs, hidden[0])).append(nn.ReLU(inplace=True)).append(nn.Dropout(dropout[0], inplace=True))
        self.head.append(nn.Linear(hidden[0], hidden[1])).append(nn.ReLU(inplace=True)).append(nn.Dropout(dropout[1]))
        self.head.append(nn.Linear(hidden[1], classes))

    def features(self, x):
        both = torch.cat((self.left.down(x), self.right.down(x)), 1)
        return torch.cat((self.left.up(both), self.right.up(both)), 1).flatten(1)

    def forward(self, images):
        return self.head(self.features(images))


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    n, c = images.shape[:2]
    ahead = np.arange(size)
    rows = top[:, None] + ahead
    columns = left[:, None] + np.where(flip[:, None], ahead[::-1], ahead)
    which = np.arange(n).reshape(n, 1, 1, 1)
    channel = np.arange(c).reshape(1, c, 1, 1)
    return images[which, channel, rows[:, None, :, None], columns[:, None, None, :]]


# %% retrieve
def retrieve(features, queries, k):
    f, q = features.astype(np.float64), queries.astype(np.float64)
    squares = (q**2).sum(1)[:, None] - 2 * q @ f.T + (f**2).sum(1)
    number = np.broadcast_to(np.arange(len(f)), squares.shape)
    return np.lexsort((number, squares), axis=1)[:, :k]
