# %% layer_table
def layer_table(layers, channels, size):
    shapes = [(channels, size)]
    for layer in layers:
        kind, above = layer[0], layer[1]
        c, n = shapes[-1]
        if kind == "fc":
            shapes.append((above, 1))
        else:
            k, s = layer[-2:] if kind == "pool" else layer[2:4]
            p = 0 if kind == "pool" else layer[4]
            shapes.append((c if kind == "pool" else above, (n + p + p - k) // s + 1))
    neurons, parameters = [channels * size * size], [0]
    for layer, (c, n), (f, o) in zip(layers, shapes, shapes[1:]):
        learns = layer[0] != "pool"
        neurons.append(f * o * o * learns)
        seen = c // layer[5] * layer[2] ** 2 if layer[0] == "conv" else c * n * n
        parameters.append((seen + 1) * f * learns)
    return np.column_stack([np.array(shapes), neurons, parameters])


# %% dropout
def dropout(x, p, u, train):
    mask = np.ones(x.shape)
    if train:
        mask = (u >= p).astype(float)
        mask /= 1.0 - p
    return mask * x


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    squares = np.multiply(x, x, dtype=np.float64)
    total = squares.copy()
    for shift in range(1, size // 2 + 1):
        if shift < x.shape[1]:
            total[:, shift:] += squares[:, :-shift]
            total[:, :-shift] += squares[:, shift:]
    return x / (k + alpha * total) ** beta


# %% TwoTowers
import torch
import torch.nn as nn


def convolution(inputs, filters, kernel_size, stride=1, padding=0):
    return nn.Sequential(nn.Conv2d(inputs, filters, (kernel_size, kernel_size), (stride, stride), padding), nn.ReLU(True))


class Norm(nn.Module):
    """The paper's formula, written out."""

    def forward(self, x):
        squares, C = x**2, x.shape[1]
        total = torch.stack([squares[:, max(0, i - 2) : i + 3].sum(1) for i in range(C)], 1)
        return x / (2 + 1e-4 * total) ** 0.75


class TwoTowers(nn.Module):
    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        self.widths = left, right
        for name, w in zip("lr", self.widths):
            bottom = nn.Sequential(
                convolution(channels, w[0], *first), Norm(), nn.MaxPool2d(3, stride=2),
                convolution(w[0], w[1], 5, padding=2), Norm(), nn.MaxPool2d(3, stride=2),
            )
            top = nn.Sequential(
                convolution(left[1] + right[1], w[2], 3, padding=1),
                convolution(w[2], w[3], 3, padding=1),
                convolution(w[3], w[4], 3, padding=1),
                nn.MaxPool2d(3, stride=2),
            )
            self.add_module(f"bottom_{name}", bottom)
            self.add_module(f"top_{name}", top)
        side = int((size - first[0]) / first[1] + 1)
        for _ in range(3):
            side = int((side - 3) / 2 + 1)
        self.flatten = nn.Flatten()
        self.fc6 = nn.Linear(side * side * (left[-1] + right[-1]), hidden[0])
        self.fc7 = nn.Linear(hidden[0], hidden[1])
        self.fc8 = nn.Linear(hidden[1], classes)
        self.dropouts = nn.ModuleList([nn.Dropout(p) for p in dropout])

    def forward(self, x):
        bottoms = self.bottom_l(x), self.bottom_r(x)
        x = torch.concat(bottoms, dim=-3)
        x = self.flatten(torch.concat([self.top_l(x), self.top_r(x)], dim=-3))
        x = torch.relu(self.dropouts[0](self.fc6(x)))  # zeros stay zeros
        x = torch.relu(self.dropouts[1](self.fc7(x)))
        return self.fc8(x)


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    crops = []
    for n in range(images.shape[0]):
        image = np.roll(images[n], (-top[n], -left[n]), axis=(1, 2))[:, :size, :size]
        if flip[n]:
            image = np.flip(image, axis=2)
        crops.append(image)
    return np.array(crops)


# %% retrieve
def retrieve(features, queries, k):
    out = np.zeros((len(queries), k), dtype=int)
    for row, query in enumerate(queries):
        distances = np.sqrt(np.sum(np.square(np.subtract(features, query, dtype=float)), axis=-1))
        for place in range(k):
            out[row, place] = np.argmin(distances)
            distances[out[row, place]] = np.inf
    return out
