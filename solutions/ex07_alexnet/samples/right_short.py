# %% layer_table
def layer_table(layers, channels, size):
    rows = [[channels, size, channels * size**2, 0]]
    for layer in layers:
        c, n = rows[-1][:2]
        match layer:
            case ("conv", f, k, s, p, g):
                o = 1 + (n + 2 * p - k) // s
                rows.append([f, o, f * o**2, f + f * c * k**2 // g])
            case ("pool", k, s):
                rows.append([c, 1 + (n - k) // s, 0, 0])
            case ("fc", u):
                rows.append([u, 1, u, u + u * c * n**2])
    return np.array(rows, dtype=float)


# %% dropout
dropout = lambda x, p, u, train: np.where(u < p, 0.0, x / (1 - p)) if train else x * 1.0


# %% local_response_norm
def local_response_norm(x, size, alpha, beta, k):
    total = np.cumsum(np.square(x, dtype=np.float64), axis=1)
    C, h = x.shape[1], size // 2
    i = np.arange(C)
    total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)
    window = total[:, np.minimum(i + h + 1, C)] - total[:, np.maximum(i - h, 0)]
    return x * np.power(k + alpha * window, -beta)


# %% TwoTowers
from torch import cat, nn
from torch.nn import functional as F


class TwoTowers(nn.Module):
    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        self.p = dropout
        both = left[1] + right[1]
        ins = [(channels, w[0], both, w[2], w[3]) for w in (left, right)]
        kernels, strides, pads = (first[0], 5, 3, 3, 3), (first[1], 1, 1, 1, 1), (0, 2, 1, 1, 1)
        self.towers = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(*about) for about in zip(i, w, kernels, strides, pads))
            for i, w in zip(ins, (left, right))
        )
        side = (((((size - first[0]) // first[1] + 1) - 1) // 2 - 1) // 2 - 1) // 2
        self.fc = nn.ModuleList(
            nn.Linear(a, b)
            for a, b in zip(((left[4] + right[4]) * side**2, *hidden), (*hidden, classes))
        )

    def forward(self, x):
        maps = [x, x]
        for layer in range(5):
            if layer == 2:
                maps = [cat(maps, 1)] * 2
            maps = [F.relu(tower[layer](m)) for tower, m in zip(self.towers, maps)]
            if layer < 2:
                maps = [F.local_response_norm(m, 5, 5e-4, 0.75, 2) for m in maps]
            if layer in (0, 1, 4):
                maps = [F.max_pool2d(m, 3, 2) for m in maps]
        x = cat([m.flatten(1) for m in maps], 1)
        for fc, p in zip(self.fc, self.p):
            x = F.dropout(F.relu(fc(x)), p, self.training)
        return self.fc[-1](x)


# %% crop_and_flip
def crop_and_flip(images, top, left, flip, size):
    return np.stack(
        [
            image[:, t : t + size, l : l + size][..., :: -1 if f else 1]
            for image, t, l, f in zip(images, top, left, flip)
        ]
    )


# %% retrieve
def retrieve(features, queries, k):
    gaps = queries[:, None].astype(float) - features[None].astype(float)
    return np.linalg.norm(gaps, axis=2).argsort(axis=1, kind="stable")[:, :k]
