# %% softmax
softmax = lambda z: 1 / np.exp(np.minimum(z[:, None, :] - z[:, :, None], 700)).sum(axis=2)


# %% cross_entropy
def cross_entropy(logits, labels):
    N = len(labels)
    flat = np.arange(N) * logits.shape[1] + labels
    gap = logits - logits.ravel()[flat].reshape(N, 1)  # above the label's logit
    loss = sum(np.logaddexp.reduce(row) for row in gap) / N
    gradient = softmax(logits) / N
    gradient.flat[flat] -= 1 / N
    return loss, gradient


# %% mlp_forward
class Network:
    """One object that remembers nothing."""

    def __call__(self, x, w1, w2):
        a = x @ w1
        z = 1 - 2 / (np.exp(np.minimum(2 * a, 700)) + 1)
        return (z * w2).sum(axis=1), z


mlp_forward = Network()


# %% mlp_backward
def mlp_backward(x, y, w1, w2):
    N = len(y)
    a = x @ w1
    z = np.tanh(a)
    error = z @ w2 - y
    per_example = x[:, :, None] * (w2 / np.cosh(a) ** 2 * error[:, None])[:, None, :]
    return [per_example.mean(axis=0), (error[:, None] * z).mean(axis=0)]


# %% numerical_gradient
import functools


def _moved(x, k, by):
    x = np.array(x, dtype=np.float64, order="C")
    x.reshape(-1)[k] += by
    return x


def numerical_gradient(f, x, h):
    def slope(k):
        return (f(_moved(x, k, +h)) - f(_moved(x, k, -h))) / (h + h)

    return np.fromiter(map(functools.partial(slope), range(x.size)), float).reshape(x.shape)


# %% sgd_step
import copy


def sgd_step(params, grads, learning_rate):
    new = copy.deepcopy(params)
    for i, gradient in enumerate(grads):
        new[i] = new[i] - np.multiply(gradient, learning_rate)
    return new
