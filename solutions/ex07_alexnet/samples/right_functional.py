# %% layer_table
class Row:
    def __init__(self, channels, side, neurons, parameters):
        self.channels, self.side, self.neurons, self.parameters = channels, side, neurons, parameters

    def next(self, kind, *about):
        if kind == "fc":
            units = about[0]
            return Row(units, 1, units, units * self.channels * self.side**2 + units)
        if kind == "pool":
            about = (self.channels, *about, 0, 1)
        filters, kernel_size, stride, padding, groups = about
        side = (self.side + 2 * padding - kernel_size) // stride + 1
        if kind == "pool":
            return Row(filters, side, 0, 0)
        weights = groups * (filters // groups) * (self.channels // groups) * kernel_size * kernel_size
        return Row(filters, side, filters * side * side, weights + filters)


def layer_table(layers, channels, size):
    rows = [Row(channels, size, channels * size**2, 0)]
    for layer in layers:
        rows.append(rows[-1].next(*layer))
    return np.array([[r.channels, r.side, r.neurons, r.parameters] for r in rows], dtype=np.int64)


# %% dropout
def dropout(x, p, u, train):
    if not train:
        return np.array(x, dtype=float)
    kept = 1 - (u < p)
    return x * kept * (1 / (1 - p))


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    half = (size - 1) // 2
    padded = np.pad(x.astype(np.float64), [(0, 0), (half, half), (0, 0), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)
    return x.astype(np.float64) / np.exp(beta * np.log(k + alpha * (windows**2).sum(axis=-1)))


# %% TwoTowers
import torch
from torch import nn
from torch.nn import functional as F


class TwoTowers(nn.Module):
    """Weights are parameters, and every step is a function."""

    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        self.stride, self.rates = first[1], dropout
        K = (first[0], 5, 3, 3, 3)
        self.w, self.b = nn.ParameterDict(), nn.ParameterDict()

        def add(name, *shape):
            self.w[name] = nn.Parameter(torch.randn(*shape) * 0.05)
            self.b[name] = nn.Parameter(torch.zeros(shape[0]))

        for tower, widths in (("left", left), ("right", right)):
            inputs = channels, widths[0], left[1] + right[1], widths[2], widths[3]
            for i in range(5):
                add(f"{tower}{i + 1}", widths[i], inputs[i], K[i], K[i])
        n = (size - first[0] + first[1]) // first[1]
        n = (n - 1) // 2
        n = (n - 1) // 2
        n = (n - 1) // 2
        add("6", hidden[0], n * n * (left[4] + right[4]))
        add("7", hidden[1], hidden[0])
        add("8", classes, hidden[1])

    def conv(self, name, x, stride=1, padding=0):
        return F.relu(F.conv2d(x, self.w[name], self.b[name], stride=stride, padding=padding))

    def shrink(self, x):
        return F.max_pool2d(F.local_response_norm(x, size=5, alpha=5 * 0.0001, beta=0.75, k=2.0), 3, 2)

    def forward(self, x):
        def lower(tower):
            y = self.shrink(self.conv(tower + "1", x, self.stride))
            return self.shrink(self.conv(tower + "2", y, 1, 2))

        def upper(tower, y):
            for i in "345":
                y = self.conv(tower + i, y, 1, 1)
            return F.max_pool2d(y, (3, 3), (2, 2))

        both = torch.hstack([lower("left"), lower("right")])
        y = torch.hstack([upper("left", both), upper("right", both)])
        y = y.reshape(len(y), -1)
        y = F.dropout(F.relu(F.linear(y, self.w["6"], self.b["6"])), p=self.rates[0], training=self.training)
        y = F.dropout(F.relu(y @ self.w["7"].T + self.b["7"]), p=self.rates[1], training=self.training)
        return F.linear(y, self.w["8"], self.b["8"])


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(2, 3))
    crops = windows[np.arange(len(images)), :, top, left]
    return np.where(np.reshape(flip, (-1, 1, 1, 1)), crops[..., ::-1], crops)


# %% retrieve
def retrieve(features, queries, k):
    features, queries = np.asarray(features, float), np.asarray(queries, float)

    def nearest(query):
        distance = ((features - query) ** 2).sum(axis=1) ** 0.5
        return sorted(range(len(features)), key=lambda n: distance[n])[:k]

    return np.array([nearest(query) for query in queries])
