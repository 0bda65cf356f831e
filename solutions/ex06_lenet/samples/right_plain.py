# %% lenet_forward
def lenet_forward(x, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    out = conv2d(x, w1, b1, stride=1, padding=2)
    out = relu(out)
    out = max_pool2d(out, 2, 2)
    out = conv2d(out, w2, b2)
    out = max_pool2d(out, 2, 2)  # the larger of four and 0, in either order
    out = relu(out)
    out = out.reshape(out.shape[0], out.shape[1] * out.shape[2] * out.shape[3])
    out = np.maximum(out.dot(w3) + b3, 0)
    out = np.maximum(out.dot(w4) + b4, 0)
    out = out.dot(w5) + b5
    return out


# %% lenet_backward
def lenet_backward(x, labels, params):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    # forward
    conv1 = conv2d(x, w1, b1, 1, 2)
    relu1 = relu(conv1)
    pool1 = max_pool2d(relu1, 2, 2)
    conv2 = conv2d(pool1, w2, b2, 1, 0)
    relu2 = relu(conv2)
    pool2 = max_pool2d(relu2, 2, 2)
    flat = pool2.reshape(len(x), -1)
    fc1 = flat @ w3 + b3
    relu3 = relu(fc1)
    fc2 = relu3 @ w4 + b4
    relu4 = relu(fc2)
    logits = relu4 @ w5 + b5
    loss, dlogits = cross_entropy(logits, labels)
    # backward
    dw5 = relu4.T @ dlogits
    db5 = np.sum(dlogits, axis=0)
    drelu4 = dlogits @ w5.T
    dfc2 = relu_backward(drelu4, fc2)
    dw4 = relu3.T @ dfc2
    db4 = np.sum(dfc2, axis=0)
    drelu3 = dfc2 @ w4.T
    dfc1 = relu_backward(drelu3, fc1)
    dw3 = flat.T @ dfc1
    db3 = np.sum(dfc1, axis=0)
    dflat = dfc1 @ w3.T
    dpool2 = dflat.reshape(pool2.shape)
    drelu2 = max_pool2d_backward(dpool2, relu2, 2, 2)
    dconv2 = relu_backward(drelu2, conv2)
    dpool1, dw2, db2 = conv2d_backward(dconv2, pool1, w2, 1, 0)
    drelu1 = max_pool2d_backward(dpool1, relu1, 2, 2)
    dconv1 = relu_backward(drelu1, conv1)
    dx, dw1, db1 = conv2d_backward(dconv1, x, w1, 1, 2)
    return [loss, dw1, db1, dw2, db2, dw3, db3, dw4, db4, dw5, db5]


# %% overfit
def overfit(images, labels, again):
    np.random.seed(1)
    x = images / 255 - 0.3
    params = [
        np.random.randn(6, 1, 5, 5) * np.sqrt(2 / 25),
        np.zeros(6),
        np.random.randn(16, 6, 5, 5) * np.sqrt(2 / 150),
        np.zeros(16),
        np.random.randn(400, 120) * np.sqrt(2 / 400),
        np.zeros(120),
        np.random.randn(120, 84) * np.sqrt(2 / 120),
        np.zeros(84),
        np.random.randn(84, 10) * np.sqrt(2 / 84),
        np.zeros(10),
    ]
    for epoch in range(400):
        order = np.random.permutation(50)
        for start in range(0, 50, 10):
            batch = order[start : start + 10]
            grads = lenet_backward(x[batch], labels[batch], params)
            for i in range(10):
                params[i] = params[i] - 0.1 * grads[i + 1]
        accuracy = np.mean(np.argmax(lenet_forward(x, params), axis=1) == labels)
        if epoch % 10 == 0:
            print("epoch", epoch, "accuracy", accuracy)
        if accuracy == 1:
            break
    return np.argmax(lenet_forward(again / 255 - 0.3, params), axis=1)


# %% LeNet
class LeNet(nn.Module):
    def __init__(self, in_channels=1, filters=(6, 16), hidden=(120, 84), num_classes=10, image_size=(28, 28)):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, filters[0], kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(filters[0], filters[1], kernel_size=5)
        h = (image_size[0] // 2 - 4) // 2
        w = (image_size[1] // 2 - 4) // 2
        self.fc1 = nn.Linear(filters[1] * h * w, hidden[0])
        self.fc2 = nn.Linear(hidden[0], hidden[1])
        self.fc3 = nn.Linear(hidden[1], num_classes)
        self.pool = nn.MaxPool2d(2, 2)

    def forward(self, x):
        x = self.pool(functional.relu(self.conv1(x)))
        x = self.pool(functional.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = functional.relu(self.fc1(x))
        x = functional.relu(self.fc2(x))
        return self.fc3(x)


# %% sgd_in_torch
def sgd_in_torch(x, labels, params, learning_rate, momentum, steps):
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    net = LeNet(x.shape[1], (len(b1), len(b2)), (len(b3), len(b4)), len(b5), x.shape[2:]).double()
    with torch.no_grad():
        net.conv1.weight.copy_(torch.tensor(w1))
        net.conv1.bias.copy_(torch.tensor(b1))
        net.conv2.weight.copy_(torch.tensor(w2))
        net.conv2.bias.copy_(torch.tensor(b2))
        net.fc1.weight.copy_(torch.tensor(w3.T))
        net.fc1.bias.copy_(torch.tensor(b3))
        net.fc2.weight.copy_(torch.tensor(w4.T))
        net.fc2.bias.copy_(torch.tensor(b4))
        net.fc3.weight.copy_(torch.tensor(w5.T))
        net.fc3.bias.copy_(torch.tensor(b5))
    opt = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=momentum)
    xt = torch.tensor(x).double()
    yt = torch.tensor(labels).long()
    for step in range(steps):
        opt.zero_grad()
        loss = nn.CrossEntropyLoss()(net(xt), yt)
        loss.backward()
        opt.step()
    out = []
    for layer in [net.conv1, net.conv2, net.fc1, net.fc2, net.fc3]:
        w = layer.weight.detach().numpy()
        out.append(w.T if w.ndim == 2 else w)
        out.append(layer.bias.detach().numpy())
    return out


# %% train_lenet
def train_lenet(images, labels, new_images):
    torch.manual_seed(3)
    x = torch.tensor(images / 255, dtype=torch.float32)
    y = torch.tensor(labels)
    net = LeNet(num_classes=7)
    opt = torch.optim.Adam(net.parameters(), lr=0.002)
    for epoch in range(20):
        order = torch.randperm(len(x))
        for start in range(0, len(x), 32):
            batch = order[start : start + 32]
            loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
            opt.zero_grad()
            loss.backward()
            opt.step()
    net.eval()
    return net(torch.tensor(new_images / 255, dtype=torch.float32)).argmax(1).numpy()


# %% by_heart_question
# 100 % on the fifty means that the gradient is right, that the loop updates the weights and that the network is large
# enough to store fifty answers. Since it also stores random answers, the 100 % cannot mean that it understood anything, and
# on new images the second network can only guess: one in ten. A mistake it does not find: the new images are not scaled
# like the others.
