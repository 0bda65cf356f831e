# %% softmax
def softmax(logits):
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    e = np.exp(shifted)
    return e / np.sum(e, axis=1, keepdims=True)


# %% mlp_forward
def mlp_forward(x, w1, w2):
    z = np.tanh(x @ w1)
    return z @ w2, z


# %% mlp_backward
def mlp_backward(x, y, w1, w2):
    y_hat, z = mlp_forward(x, w1, w2)
    # dw2 first
    dw2 = z.T @ ((y_hat - y) / len(y))
    return np.zeros(w1.shape), dw2
