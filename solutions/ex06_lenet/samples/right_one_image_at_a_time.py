# %% lenet_forward
def lenet_forward(x, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = [np.array(p, dtype=np.float64) for p in params]
    rows = []
    for image in x:
        maps = relu(conv2d(image[None], w1, b1, 1, 2))
        maps = max_pool2d(maps, 2, 2)
        maps = relu(conv2d(maps, w2, b2, 1, 0))
        maps = max_pool2d(maps, 2, 2)
        units = maps.flatten()
        units = relu(w3.T.dot(units) + b3)
        units = relu(w4.T.dot(units) + b4)
        rows.append(w5.T.dot(units) + b5)
    return np.array(rows)


# %% lenet_backward
def lenet_backward(x, labels, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    total = 0.0
    sums = [np.zeros(p.shape) for p in params]
    for image, label in zip(x, labels, strict=True):
        c1 = conv2d(image[np.newaxis], w1, b1, 1, 2)
        r1 = relu(c1)
        s2 = max_pool2d(r1, 2, 2)
        c3 = conv2d(s2, w2, b2, 1, 0)
        r3 = relu(c3)
        s4 = max_pool2d(r3, 2, 2)
        f = s4.ravel()
        z5 = f @ w3 + b3
        h5 = relu(z5)
        z6 = h5 @ w4 + b4
        h6 = relu(z6)
        logits = h6 @ w5 + b5
        shifted = logits - np.max(logits)
        p = np.exp(shifted) / np.exp(shifted).sum()
        total += np.log(np.exp(shifted).sum()) - shifted[label]
        d7 = p.copy()
        d7[label] -= 1
        d6 = (w5 @ d7) * (z6 > 0)
        d5 = (w4 @ d6) * (z5 > 0)
        d4 = max_pool2d_backward((w3 @ d5).reshape(s4.shape), r3, 2, 2) * (c3 > 0)
        d2, dw2, db2 = conv2d_backward(d4, s2, w2, 1, 0)
        d1 = max_pool2d_backward(d2, r1, 2, 2) * (c1 > 0)
        _, dw1, db1 = conv2d_backward(d1, image[np.newaxis], w1, 1, 2)
        parts = [dw1, db1, dw2, db2, np.outer(f, d5), d5, np.outer(h5, d6), d6, np.outer(h6, d7), d7]
        for s, part in zip(sums, parts, strict=True):
            s += part
    return [total / len(x)] + [s / len(x) for s in sums]


# %% overfit
def overfit(images, labels, again):
    rng = np.random.RandomState(0)
    x = images / 127.5 - 1
    params = []
    for shape, fan in (((6, 1, 5, 5), 25), ((16, 6, 5, 5), 150), ((400, 120), 400), ((120, 84), 120), ((84, 10), 84)):
        params.append(rng.randn(*shape) * (2.0 / fan) ** 0.5)
        params.append(np.zeros(shape[0]) if len(shape) == 4 else np.zeros(shape[1]))
    order = np.arange(50)
    for _ in range(300):
        if np.array_equal(np.argmax(lenet_forward(x, params), 1), labels):
            break
        rng.shuffle(order)
        for place in range(0, 50, 10):
            some = order[place : place + 10]
            grads = lenet_backward(x[some], labels[some], params)[1:]
            params = [p - 0.03 * g for p, g in zip(params, grads, strict=True)]
    return np.argmax(lenet_forward(again / 127.5 - 1, params), 1)


# %% LeNet
class LeNet(nn.Module):
    def __init__(self, channels=1, filters=(6, 16), hidden=(120, 84), classes=10, size=(28, 28)):
        super().__init__()
        self.size = size
        self.features = nn.Sequential()
        self.features.append(nn.Conv2d(channels, filters[0], 5, padding=2))
        self.features.append(nn.MaxPool2d(2))
        self.features.append(nn.ReLU())
        self.features.append(nn.Conv2d(filters[0], filters[1], 5))
        self.features.append(nn.MaxPool2d(2))
        self.features.append(nn.ReLU())
        with torch.no_grad():
            count = self.features(torch.zeros(1, channels, *size)).numel()
        widths = [count, *hidden, classes]
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:]))

    def forward(self, x):
        x = self.features(x)
        x = x.view(x.size(0), -1)
        for linear in self.linears[:-1]:
            x = linear(x).relu()
        return self.linears[-1](x)


# %% sgd_in_torch
def sgd_in_torch(x, labels, params, learning_rate, momentum, steps):
    net = LeNet(
        x.shape[1],
        (params[1].size, params[3].size),
        (params[5].size, params[7].size),
        params[9].size,
        x.shape[-2:],
    )
    net = net.double()
    for parameter, array in zip(net.parameters(), params):
        array = np.array(array, dtype=np.float64)
        if array.ndim == 2:
            array = array.transpose()
        parameter.data.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    inputs, targets = torch.tensor(np.array(x)).double(), torch.tensor(np.array(labels)).long()
    velocity = [torch.zeros_like(parameter) for parameter in net.parameters()]
    for _ in range(steps):
        net.zero_grad()
        functional.cross_entropy(net(inputs), targets).backward()
        with torch.no_grad():
            for parameter, v in zip(net.parameters(), velocity):
                v.mul_(momentum).add_(parameter.grad)
                parameter.sub_(learning_rate * v)
    back = []
    for parameter in net.parameters():
        array = parameter.detach().numpy()
        back.append(array.T.copy() if array.ndim == 2 else array.copy())
    return back


# %% train_lenet
def train_lenet(images, labels, new_images):
    torch.manual_seed(1)
    inputs = torch.FloatTensor(images / 255.0)
    targets = torch.LongTensor(labels)
    net = LeNet(1, (6, 16), (120, 84), 7)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.001)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(20):
        permutation = np.random.default_rng(epoch).permutation(len(images))
        for i in range(0, len(images), 28):
            rows = permutation[i : i + 28]
            optimizer.zero_grad()
            outputs = net(inputs[rows])
            loss = criterion(outputs, targets[rows])
            loss.backward()
            optimizer.step()
    outputs = net(torch.FloatTensor(new_images / 255.0))
    _, predicted = torch.max(outputs.data, 1)
    return predicted.numpy()
