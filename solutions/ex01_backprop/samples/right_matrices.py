# %% softmax
def softmax(logits):
    z = np.asarray(logits, dtype=float)
    z = z - z.max(axis=1)[:, None]
    return np.exp(z - np.log(np.exp(z) @ np.ones(z.shape[1]))[:, None])


# %% cross_entropy
def cross_entropy(logits, labels):
    N, C = logits.shape
    y = np.eye(C)[labels]
    top = logits.max(axis=1, keepdims=True)
    log_sum = top + np.log(np.sum(np.exp(logits - top), axis=1, keepdims=True))
    loss = np.sum(y * (log_sum - logits)) / N
    return loss, (softmax(logits) - y) / N


# %% mlp_forward
def mlp_forward(x, w1, w2):
    z = np.tanh(np.dot(x, w1))
    return np.dot(z, w2), z


# %% mlp_backward
def mlp_backward(x, y, w1, w2):
    N = x.shape[0]
    y_hat, z = mlp_forward(x, w1, w2)
    d = (y_hat - y).reshape(N, 1)
    dw2 = z.T @ d / N
    da = (d @ w2.reshape(1, -1)) * (1 - z * z)
    dw1 = x.T @ da / N
    return dw1, dw2[:, 0]


# %% numerical_gradient
def numerical_gradient(f, x, h):
    steps = np.eye(x.size).reshape((x.size,) + x.shape) * h
    plus = np.array([f(x + step) for step in steps])
    minus = np.array([f(x - step) for step in steps])
    return ((plus - minus) / h / 2).reshape(x.shape)


# %% sgd_step
def sgd_step(params, grads, learning_rate):
    return [p - learning_rate * g for p, g in zip(params, grads)]
