# %% softmax
def softmax(logits):
    e = np.exp(logits - logits.max(axis=0))
    return e / e.sum(axis=0)


# %% cross_entropy
def cross_entropy(logits, labels):
    N, C = logits.shape
    z = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    grad = np.zeros_like(logits)
    loss = 0
    for n in range(N):
        loss -= np.log(p[n, labels[n] - 1])
        grad[n] = p[n] / N
        grad[n, labels[n] - 1] -= 1 / N
    return loss / N, grad


# %% mlp_forward
def mlp_forward(x, w1, w2):
    z = np.zeros((len(x), len(w2)), dtype=x.dtype)
    z[:] = np.tanh(x @ w1)
    return z @ w2, z


# %% mlp_backward
def mlp_backward(x, y, w1, w2):
    z = np.tanh(x @ w1)
    d = (z @ w2 - y) / len(y)
    return (x.T @ (np.outer(d, w2) * (1 - z**2))).T, z.T @ d


# %% numerical_gradient
def numerical_gradient(f, x, h):
    x = x.copy()
    g = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        old = x[i]
        x[i] = old + h
        a = f(x)
        x[i] = old - h
        b = f(x)
        x[i] = old
        g[i] = (a - b) / (2 * h)
    return g


# %% sgd_step
def sgd_step(params, grads, learning_rate):
    new = []
    for p, g in zip(params, grads):
        new.append(p - learning_rate * g)
        return new
