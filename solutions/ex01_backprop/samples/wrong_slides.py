# %% softmax
def softmax(logits):
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


# %% cross_entropy
def cross_entropy(logits, labels):
    p = softmax(logits)
    N = len(labels)
    loss = np.mean(np.log(p[np.arange(N), labels]))
    p[np.arange(N), labels] -= 1
    return loss, p / N


# %% mlp_forward
def mlp_forward(x, w1, w2):
    a = x @ w1
    z = (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))
    return z @ w2, z


# %% mlp_backward
def mlp_backward(x, y, w1, w2):
    y_hat, z = mlp_forward(x, w1, w2)
    delta = y_hat - y
    delta_j = (1 - z) ** 2 * w2 * delta[:, None]
    return x.T @ delta_j / len(y), z.T @ delta / len(y)


# %% numerical_gradient
def numerical_gradient(f, x, h):
    g = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        moved = x.astype(float)
        moved[i] += h
        g[i] = (f(moved) - f(x.astype(float))) / h
    return g


# %% sgd_step
def sgd_step(params, grads, learning_rate):
    return [(1 - learning_rate) * p - g for p, g in zip(params, grads)]


# %% checking_question
# A small step is always better, so the colleague must have a bug.
