# %% layer_table
def layer_table(layers, channels, size):
    table = np.zeros((len(layers) + 1, 4), dtype=int)
    table[0] = [channels, size, channels * size * size, 0]
    for i in range(len(layers)):
        layer = layers[i]
        C, N = table[i, 0], table[i, 1]
        if layer[0] == "conv":
            F, K, S, P, G = layer[1], layer[2], layer[3], layer[4], layer[5]
            O = (N + 2 * P - K) // S + 1
            weights = 0
            for _ in range(F):
                weights += C // G * K * K
            table[i + 1] = [F, O, F * O * O, weights + F]
        elif layer[0] == "pool":
            K, S = layer[1], layer[2]
            table[i + 1] = [C, (N - K) // S + 1, 0, 0]
        elif layer[0] == "fc":
            U = layer[1]
            table[i + 1] = [U, 1, U, U * C * N * N + U]
    return table


# %% dropout
def dropout(x, p, u, train):
    if train == False:
        return x.copy()
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        if u[index] < p:
            y[index] = 0
        else:
            y[index] = x[index] / (1 - p)
    return y


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    N, C, H, W = x.shape
    y = np.zeros((N, C, H, W))
    for n in range(N):
        for c in range(C):
            for i in range(H):
                for j in range(W):
                    total = 0.0
                    for d in range(c - size // 2, c + size // 2 + 1):
                        if 0 <= d < C:
                            total += float(x[n, d, i, j]) ** 2
                    y[n, c, i, j] = x[n, c, i, j] / (k + alpha * total) ** beta
    return y


# %% TwoTowers
import torch
from torch import nn


class TwoTowers(nn.Module):
    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        k, s = first
        self.l1 = nn.Conv2d(channels, left[0], kernel_size=k, stride=s)
        self.r1 = nn.Conv2d(channels, right[0], kernel_size=k, stride=s)
        self.l2 = nn.Conv2d(left[0], left[1], kernel_size=5, padding=2)
        self.r2 = nn.Conv2d(right[0], right[1], kernel_size=5, padding=2)
        self.l3 = nn.Conv2d(left[1] + right[1], left[2], kernel_size=3, padding=1)
        self.r3 = nn.Conv2d(left[1] + right[1], right[2], kernel_size=3, padding=1)
        self.l4 = nn.Conv2d(left[2], left[3], kernel_size=3, padding=1)
        self.r4 = nn.Conv2d(right[2], right[3], kernel_size=3, padding=1)
        self.l5 = nn.Conv2d(left[3], left[4], kernel_size=3, padding=1)
        self.r5 = nn.Conv2d(right[3], right[4], kernel_size=3, padding=1)
        self.relu = nn.ReLU()
        self.norm = nn.LocalResponseNorm(5, alpha=0.0005, beta=0.75, k=2.0)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2)
        n = (size - k) // s + 1
        n = (n - 3) // 2 + 1
        n = (n - 3) // 2 + 1
        n = (n - 3) // 2 + 1
        self.fc6 = nn.Linear((left[4] + right[4]) * n * n, hidden[0])
        self.fc7 = nn.Linear(hidden[0], hidden[1])
        self.fc8 = nn.Linear(hidden[1], classes)
        self.drop6 = nn.Dropout(dropout[0])
        self.drop7 = nn.Dropout(dropout[1])

    def forward(self, x):
        left = self.pool(self.norm(self.relu(self.l1(x))))
        right = self.pool(self.norm(self.relu(self.r1(x))))
        left = self.pool(self.norm(self.relu(self.l2(left))))
        right = self.pool(self.norm(self.relu(self.r2(right))))
        both = torch.cat([left, right], dim=1)
        left = self.relu(self.l4(self.relu(self.l3(both))))
        right = self.relu(self.r4(self.relu(self.r3(both))))
        left = self.pool(self.relu(self.l5(left)))
        right = self.pool(self.relu(self.r5(right)))
        x = torch.cat([left, right], dim=1).flatten(1)
        x = self.drop6(self.relu(self.fc6(x)))
        x = self.drop7(self.relu(self.fc7(x)))
        return self.fc8(x)


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    N, C, H, W = images.shape
    out = np.zeros((N, C, size, size), images.dtype)
    for n in range(N):
        for c in range(C):
            for i in range(size):
                for j in range(size):
                    column = left[n] + (size - 1 - j if flip[n] else j)
                    out[n, c, i, j] = images[n, c, top[n] + i, column]
    return out


# %% retrieve
def retrieve(features, queries, k):
    result = []
    for q in range(len(queries)):
        distances = []
        for n in range(len(features)):
            total = 0.0
            for d in range(features.shape[1]):
                total += (float(queries[q, d]) - float(features[n, d])) ** 2
            distances.append((total**0.5, n))
        distances.sort()
        result.append([n for _, n in distances[:k]])
    return np.array(result)


# %% validation_question
# Dropout is only on in training, so the training loss is from a thinned network. The random crops make the training images
# harder. She should measure the training images in eval mode with the middle crop.
