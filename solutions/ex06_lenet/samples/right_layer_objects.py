# %% lenet_forward
class Conv:
    def __init__(self, w, b, padding):
        self.w, self.b, self.padding = w, b, padding

    def forward(self, x):
        self.x = x
        return conv2d(x, self.w, self.b, 1, self.padding)

    def backward(self, dout):
        dx, self.dw, self.db = conv2d_backward(dout, self.x, self.w, 1, self.padding)
        return dx


class Relu:
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.0)

    def backward(self, dout):
        return np.where(self.x > 0, dout, 0.0)


class Pool:
    def forward(self, x):
        self.x = x
        return max_pool2d(x, 2, 2)

    def backward(self, dout):
        return max_pool2d_backward(dout, self.x, 2, 2)


class Flat:
    def forward(self, x):
        self.shape = x.shape
        return np.reshape(x, (x.shape[0], -1))

    def backward(self, dout):
        return np.reshape(dout, self.shape)


class Dense:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, x):
        self.x = x
        return np.einsum("nd,dm->nm", x, self.w) + self.b

    def backward(self, dout):
        self.dw = np.einsum("nd,nm->dm", self.x, dout)
        self.db = np.einsum("nm->m", dout)
        return np.einsum("nm,dm->nd", dout, self.w)


def build(params):
    w = params[::2]
    b = params[1::2]
    net = [Conv(w[0], b[0], 2), Relu(), Pool(), Conv(w[1], b[1], 0), Relu(), Pool(), Flat()]
    net += [Dense(w[2], b[2]), Relu(), Dense(w[3], b[3]), Relu(), Dense(w[4], b[4])]
    return net


def run(net, x):
    for layer in net:
        x = layer.forward(x)
    return x


def lenet_forward(x, params):
    return run(build(params), x)


# %% lenet_backward
def lenet_backward(x, labels, params):
    net = build(params)
    loss, grad = cross_entropy(run(net, x), labels)
    for layer in net[::-1]:
        grad = layer.backward(grad)
    result = [np.float64(loss)]
    for layer in net:
        if hasattr(layer, "dw"):
            result += [layer.dw, layer.db]
    return result


# %% overfit
def overfit(images, labels, again):
    def scaled(a):
        return (a - images.mean()) / images.std()

    rng = np.random.default_rng(2024)
    sizes = [((6, 1, 5, 5), 25), ((16, 6, 5, 5), 150), ((400, 120), 400), ((120, 84), 120), ((84, 10), 84 * 16)]
    params = []
    for shape, n in sizes:
        params.append(rng.normal(0, np.sqrt(2 / n), shape))
        params.append(np.zeros(shape[0] if len(shape) == 4 else shape[-1]))
    x = scaled(images)
    for rounds in range(500):
        wrong = lenet_forward(x, params).argmax(axis=1) != labels
        if not wrong.any():
            break
        for batch in np.array_split(rng.permutation(50), 5):
            for p, g in zip(params, lenet_backward(x[batch], labels[batch], params)[1:]):
                p -= 0.05 * g
    return lenet_forward(scaled(again), params).argmax(axis=1)


# %% LeNet
class LeNet(nn.Module):
    def __init__(self, in_channels=1, filters=(6, 16), hidden=(120, 84), num_classes=10, image_size=(28, 28)):
        super().__init__()
        a, b = filters
        c, d = hidden
        self.net = nn.ModuleDict(
            {
                "last": nn.Linear(d, num_classes),  # in any order
                "c3": nn.Conv2d(a, b, 5),
                "c1": nn.Conv2d(in_channels, a, 5, 1, 2),
                "f6": nn.Linear(c, d),
            }
        )
        rows, columns = (((n + 4 - 4) // 2 - 4) // 2 for n in image_size)
        self.net["f5"] = nn.Linear(b * rows * columns, c)

    def forward(self, x):
        x = torch.relu(functional.max_pool2d(self.net["c1"](x), 2))
        x = torch.relu(functional.max_pool2d(self.net["c3"](x), 2))
        x = torch.relu(self.net["f5"](nn.Flatten()(x)))
        x = torch.relu(self.net["f6"](x))
        return self.net["last"](x)


# %% sgd_in_torch
def sgd_in_torch(x, labels, params, learning_rate, momentum, steps):
    sizes = [len(params[i]) for i in (1, 3, 5, 7, 9)]
    net = LeNet(x.shape[1], sizes[0:2], sizes[2:4], sizes[4], x.shape[2:]).double()
    layers = [net.net[name] for name in ("c1", "c3", "f5", "f6", "last")]
    for i, layer in enumerate(layers):
        w = params[2 * i] if i < 2 else params[2 * i].T
        layer.weight.data = torch.tensor(w.astype(float).copy())
        layer.bias.data = torch.tensor(params[2 * i + 1].astype(float).copy())
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=momentum)
    for _ in range(steps):
        optimizer.zero_grad()
        out = net(torch.tensor(x.astype(float)))
        functional.cross_entropy(out, torch.tensor(labels)).backward()
        optimizer.step()
    result = []
    for i, layer in enumerate(layers):
        w = layer.weight.detach().numpy()
        result += [w if i < 2 else w.T, layer.bias.detach().numpy()]
    return result


# %% train_lenet
def train_lenet(images, labels, new_images):
    torch.manual_seed(42)
    m, s = images.mean(), images.std()

    def ready(a):
        return torch.tensor(((a - m) / s).astype("float32"))

    x, y = ready(images), torch.tensor(labels).long()
    net = LeNet(1, (8, 16), (100, 50), 7)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    net.train()
    for epoch in range(14):
        for batch in torch.randperm(len(y)).chunk(35):
            x_batch = torch.roll(x[batch], tuple(torch.randint(-1, 2, (2,)).tolist()), (2, 3))
            optimizer.zero_grad()
            functional.cross_entropy(net(x_batch), y[batch]).backward()
            optimizer.step()
    net.eval()
    return net(ready(new_images)).argmax(-1).cpu().numpy()
