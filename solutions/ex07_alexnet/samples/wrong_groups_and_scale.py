# %% layer_table
def layer_table(layers, channels, size):
    rows = [(channels, size, channels * size * size, 0)]
    for layer in layers:
        if layer[0] == "conv":
            _, f, k, s, p, g = layer
            size = (size + 2 * p - k) // s + 1
            rows.append((f, size, f * size * size, f * channels * k * k + f))
            channels = f
        elif layer[0] == "pool":
            size = (size - layer[1]) // layer[2] + 1
            rows.append((channels, size, 0, 0))
        else:
            rows.append((layer[1], 1, layer[1], layer[1] * (channels * size * size + 1)))
            channels, size = layer[1], 1
    return np.array(rows)


# %% dropout
def dropout(x, p, u, train):
    if not train:
        return x
    return np.where(u < p, 0, x)


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        window = x[:, max(0, c - size // 2) : c + size // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha / size * (window**2).sum(axis=1)) ** beta
    return y


# %% TwoTowers
import torch
from torch import nn


class TwoTowers(nn.Module):
    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        self.norm, self.pool, self.relu = nn.LocalResponseNorm(5, 1e-4, 0.75, 2), nn.MaxPool2d(3, 2), nn.ReLU()
        ins = lambda w: (channels, w[0], left[1] + right[1], w[2], w[3])
        kernel, stride, padding = (first[0], 5, 3, 3, 3), (first[1], 1, 1, 1, 1), (0, 2, 1, 1, 1)
        make = lambda w: nn.ModuleList(nn.Conv2d(*a) for a in zip(ins(w), w, kernel, stride, padding))
        self.left, self.right = make(left), make(right)
        n = (size - first[0]) // first[1] + 1
        for _ in range(3):
            n = (n - 3) // 2 + 1
        self.fc = nn.Sequential(
            nn.Linear((left[4] + right[4]) * n * n, hidden[0]), nn.ReLU(), nn.Dropout(dropout[0]),
            nn.Linear(hidden[0], hidden[1]), nn.ReLU(), nn.Dropout(dropout[1]),
            nn.Linear(hidden[1], classes),
        )

    def forward(self, x):
        a = b = x
        for i in range(2):
            a = self.pool(self.norm(self.relu(self.left[i](a))))
            b = self.pool(self.norm(self.relu(self.right[i](b))))
        a = b = torch.cat([a, b], 1)
        for i in range(2, 5):
            a, b = self.relu(self.left[i](a)), self.relu(self.right[i](b))
        return self.fc(torch.cat([self.pool(a), self.pool(b)], 1).flatten(1))


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    out = np.zeros((*images.shape[:2], size, size))
    for n in range(len(images)):
        image = images[n][:, :, ::-1] if flip[n] else images[n]
        out[n] = image[:, top[n] : top[n] + size, left[n] : left[n] + size]
    return out


# %% retrieve
def retrieve(features, queries, k):
    return np.array([np.argsort(-(features @ q))[:k] for q in queries.astype(float)])


# %% validation_question
# The validation images are easier than the training images.
