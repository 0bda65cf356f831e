# %% softmax
def softmax(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum(axis=1, keepdims=True)


# %% cross_entropy
def cross_entropy(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    grad = np.exp(logp)
    grad[rows, labels] -= 1
    return -logp[rows, labels].mean(), grad


# %% mlp_forward
def mlp_forward(x, w1, w2):
    z = np.tanh(x @ w1)
    return (z @ w2)[:, None], z


# %% mlp_backward
def mlp_backward(x, y, w1, w2):
    z = np.tanh(x @ w1)
    d = z @ w2 - y
    return x.T @ (d[:, None] * w2 * (1 - z**2)), z.T @ d


# %% numerical_gradient
def numerical_gradient(f, x, h):
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        x[i] += h
        a = f(x)
        x[i] -= 2 * h
        b = f(x)
        x[i] += h
        g[i] = (a - b) / 2 * h
    return g


# %% sgd_step
def sgd_step(params, grads, learning_rate):
    for p, g in zip(params, grads):
        p -= learning_rate * g
    return params
