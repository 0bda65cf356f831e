# %% vgg
import torch
from torch import nn
from torch.nn import functional as F


def weight(*shape):
    return nn.Parameter(torch.randn(*shape) / 10)


class vgg(nn.Module):
    def __init__(self, text, classes, c):
        super().__init__()
        self.words = text.split()
        self.w, self.b = nn.ParameterList(), nn.ParameterList()
        for word in self.words:
            if word == "M":
                continue
            k = 1 if "x" in word else 3
            f = int(word.split("x")[-1])
            self.b.append(weight(f))
            self.w.append(weight(f, c, k, k))
            c = f
        self.last_b, self.last_w = weight(classes), weight(classes, c)

    def forward(self, x):
        layers = zip(self.w, self.b)
        for word in self.words:
            if word == "M":
                x = F.max_pool2d(x, 2)
            else:
                w, b = next(layers)
                x = F.conv2d(x, w, b, padding="same").clamp(min=0)
        return x.mean((2, 3)) @ self.last_w.T + self.last_b


# %% MLPConv
class MLPConv(nn.Module):
    def __init__(self, i, f, h, k, s):
        super().__init__()
        self.s, self.p = s, k // 2
        self.w3, self.w2, self.w1 = weight(f, h), weight(h, h), weight(h, i, k, k)
        self.b1, self.b2, self.b3 = weight(h), weight(h), weight(f)

    def forward(self, x):
        x = F.relu(F.conv2d(x, self.w1, self.b1, self.s, self.p))
        x = F.relu(torch.einsum("fc,nchw->nfhw", self.w2, x) + self.b2.view(1, -1, 1, 1))
        return F.relu(torch.einsum("fc,nchw->nfhw", self.w3, x) + self.b3.view(1, -1, 1, 1))


# %% NaiveInception
class Conv(nn.Module):
    def __init__(self, i, f, k):
        super().__init__()
        self.b, self.w = weight(f), weight(f, i, k, k)

    def forward(self, x):
        return F.relu(F.conv2d(x, self.w, self.b, padding=self.w.shape[-1] // 2))


def means(x):
    return F.avg_pool2d(x, 3, 1, 1) / F.avg_pool2d(torch.ones_like(x), 3, 1, 1)


class NaiveInception(nn.Module):
    def __init__(self, i, a, b, c):
        super().__init__()
        self.e, self.d, self.b, self.a = Conv(c, c, 3), Conv(i, c, 3), Conv(i, b, 3), Conv(i, a, 1)

    def forward(self, x):
        return torch.hstack([means(x), self.a(x), self.b(x), self.e(self.d(x))])


# %% Inception
class Inception(nn.Module):
    def __init__(self, i, one, r3, f3, r5, f5, p):
        super().__init__()
        self.p, self.one = Conv(i, p, 1), Conv(i, one, 1)
        self.r3, self.f3 = Conv(i, r3, 1), Conv(r3, f3, 3)
        self.r5, self.f5, self.g5 = Conv(i, r5, 1), Conv(r5, f5, 3), Conv(f5, f5, 3)

    def forward(self, x):
        return torch.cat((self.p(means(x)), self.one(x), self.f3(self.r3(x)), self.g5(self.f5(self.r5(x)))), 1)


# %% count_layers
def count_layers(text, c, n, classes):
    total = work = 0
    for word in text.split():
        if word == "M":
            n = n // 2
            continue
        k = 1 if "x" in word else 3
        f = int(word.split("x")[-1])
        shape = (f, c, k, k)
        total += int(np.prod(shape)) + f
        work += int(np.prod(shape)) * n * n
        c = f
    return total + classes * c + classes, work + classes * c


# %% receptive_field
def receptive_field(text):
    r, jump = 1, 1
    for word in text.split():
        k, s = (2, 2) if word == "M" else (1, 1) if "x" in word else (3, 1)
        r += (k - 1) * jump
        jump *= s
    return r
