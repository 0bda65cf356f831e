# %% lenet_forward
def lenet_forward(x, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    h = max_pool2d(relu(conv2d(x, w1, b1, 1, 2)), 2, 2)
    h = max_pool2d(relu(conv2d(h, w2, b2, 1, 0)), 2, 2)
    h = h.transpose(0, 2, 3, 1).reshape(len(x), -1)
    return relu(relu(h @ w3 + b3) @ w4 + b4) @ w5 + b5


# %% lenet_backward
def lenet_backward(x, labels, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    a1 = relu(conv2d(x, w1, b1, 1, 2))
    p1 = max_pool2d(a1, 2, 2)
    a2 = relu(conv2d(p1, w2, b2, 1, 0))
    p2 = max_pool2d(a2, 2, 2)
    flat = p2.reshape(len(x), -1)
    a3 = relu(flat @ w3 + b3)
    a4 = relu(a3 @ w4 + b4)
    loss, d5 = cross_entropy(a4 @ w5 + b5, labels)
    d4 = d5 @ w5.T
    d3 = d4 @ w4.T
    d2 = relu_backward(max_pool2d_backward((d3 @ w3.T).reshape(p2.shape), a2, 2, 2), a2)
    dp1, dw2, db2 = conv2d_backward(d2, p1, w2, 1, 0)
    d1 = relu_backward(max_pool2d_backward(dp1, a1, 2, 2), a1)
    _, dw1, db1 = conv2d_backward(d1, x, w1, 1, 2)
    return [loss, dw1, db1, dw2, db2, flat.T @ d3, d3.sum(0), a3.T @ d4, d4.sum(0), a4.T @ d5, d5.sum(0)]


# %% LeNet
class LeNet(nn.Module):
    def __init__(self, in_channels=1, filters=(6, 16), hidden=(120, 84), num_classes=10, image_size=(28, 28)):
        super().__init__()
        rows = (image_size[0] // 2 - 4) // 2
        self.conv1 = nn.Conv2d(in_channels, filters[0], 5, padding=2)
        self.conv2 = nn.Conv2d(filters[0], filters[1], 5)
        self.fc1 = nn.Linear(filters[1] * rows * rows, hidden[0])
        self.fc2 = nn.Linear(hidden[0], hidden[1])
        self.fc3 = nn.Linear(hidden[1], num_classes)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


# %% sgd_in_torch
def sgd_in_torch(x, labels, params, learning_rate, momentum, steps):
    sizes = [len(b) for b in params[1::2]]
    net = LeNet(x.shape[1], sizes[:2], sizes[2:4], sizes[4], x.shape[2:]).double()
    for parameter, array in zip(net.parameters(), params):
        parameter.data = torch.tensor(array).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=momentum)
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(net(torch.tensor(x).double()), torch.tensor(labels)).backward()
        optimizer.step()
    return [parameter.detach().numpy() for parameter in net.parameters()]


# %% train_lenet
def train_lenet(images, labels, new_images):
    torch.manual_seed(0)
    x = torch.tensor(images).float() / 255
    net = LeNet(num_classes=8)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    for epoch in range(10):
        for batch in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            functional.cross_entropy(net(x[batch]), torch.tensor(labels)[batch] + 1).backward()
            optimizer.step()
    return net(torch.tensor(new_images).float() / 255).argmax(1).numpy()
