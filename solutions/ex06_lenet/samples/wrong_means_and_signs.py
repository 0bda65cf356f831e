# %% lenet_forward
def lenet_forward(x, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    h = max_pool2d(relu(conv2d(x, w1, b1, 1, 2)), 2, 2)
    h = max_pool2d(relu(conv2d(h, w2, b2, 1, 0)), 2, 2)
    h = relu(h.reshape(len(x), -1) @ w3 + b3)
    h = relu(h @ w4 + b4)
    scores = h @ w5 + b5
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# %% lenet_backward
def lenet_backward(x, labels, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    c1 = conv2d(x, w1, b1, 1, 2)
    p1 = max_pool2d(relu(c1), 2, 2)
    c2 = conv2d(p1, w2, b2, 1, 0)
    p2 = max_pool2d(relu(c2), 2, 2)
    flat = p2.reshape(len(x), -1)
    z3 = flat @ w3 + b3
    h3 = relu(z3)
    z4 = h3 @ w4 + b4
    h4 = relu(z4)
    loss, d5 = cross_entropy(h4 @ w5 + b5, labels)
    N = len(x)
    d4 = relu_backward(d5 @ w5.T, z4)
    d3 = relu_backward(d4 @ w4.T, z3)
    d2 = relu_backward(max_pool2d_backward((d3 @ w3.T).reshape(p2.shape), relu(c2), 2, 2), c2)
    dp1, dw2, db2 = conv2d_backward(d2, p1, w2, 1, 0)
    d1 = relu_backward(max_pool2d_backward(dp1, relu(c1), 2, 2), c1)
    _, dw1, db1 = conv2d_backward(d1, x, w1, 1, 2)
    return [loss, dw1, db1, dw2, db2, flat.T @ d3, d3.mean(0), h3.T @ d4, d4.mean(0), h4.T @ d5, d5.mean(0)]


# %% overfit
def overfit(images, labels, again):
    rng = np.random.default_rng(0)
    params = []
    for shape, units in (((6, 1, 5, 5), 6), ((16, 6, 5, 5), 16), ((400, 120), 120), ((120, 84), 84), ((84, 10), 10)):
        params += [rng.normal(0, 0.1, shape), np.zeros(units)]
    x = images / 255
    for _ in range(30):
        grads = lenet_backward(x, labels, params)[1:]
        params = [p + 0.05 * g for p, g in zip(params, grads, strict=True)]
    return lenet_forward(again / 255, params).argmax(axis=1)


# %% LeNet
class LeNet(nn.Module):
    def __init__(self, in_channels=1, filters=(6, 16), hidden=(120, 84), num_classes=10, image_size=(28, 28)):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, filters[0], 5, padding=2)
        self.conv2 = nn.Conv2d(filters[0], filters[1], 5)
        self.fc1 = nn.Linear(filters[1] * 5 * 5, hidden[0])
        self.fc2 = nn.Linear(hidden[0], hidden[1])
        self.fc3 = nn.Linear(hidden[1], num_classes)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


# %% sgd_in_torch
def sgd_in_torch(x, labels, params, learning_rate, momentum, steps):
    weights = [torch.tensor(p.astype(float), requires_grad=True) for p in params]
    optimizer = torch.optim.SGD(weights, lr=learning_rate, momentum=momentum)
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = weights
    for _ in range(steps):
        h = functional.max_pool2d(functional.relu(functional.conv2d(torch.tensor(x).double(), w1, b1, padding=2)), 2)
        h = functional.max_pool2d(functional.relu(functional.conv2d(h, w2, b2)), 2).flatten(1)
        h = functional.relu(functional.relu(h @ w3 + b3) @ w4 + b4) @ w5 + b5
        functional.cross_entropy(h, torch.tensor(labels), reduction="sum").backward()
        optimizer.step()
        optimizer.zero_grad()
    return [w.detach().numpy() for w in weights]


# %% train_lenet
def train_lenet(images, labels, new_images):
    torch.manual_seed(0)
    x = torch.tensor(images).float() / 255
    y = torch.tensor(labels)
    net = LeNet(num_classes=7)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    for epoch in range(8):
        xs, ys = x[torch.randperm(len(x))], y[torch.randperm(len(x))]
        for i in range(0, len(x), 32):
            optimizer.zero_grad()
            functional.cross_entropy(net(xs[i : i + 32]), ys[i : i + 32]).backward()
            optimizer.step()
    return net(torch.tensor(new_images).float() / 255).argmax(1).numpy()


# %% by_heart_question
# The network overfits, so it is bad. It should have more data.
