# %% softmax
import math


def softmax(logits):
    N, C = logits.shape
    result = np.zeros((N, C))
    for n in range(N):
        largest = max(float(v) for v in logits[n])
        total = 0.0
        for c in range(C):
            result[n, c] = math.exp(float(logits[n, c]) - largest)
            total += result[n, c]
        for c in range(C):
            result[n, c] /= total
    return result


# %% cross_entropy
def cross_entropy(logits, labels):
    N, C = logits.shape
    p = softmax(logits)
    loss = 0.0
    for n in range(N):
        largest = max(float(v) for v in logits[n])
        total = 0.0
        for c in range(C):
            total += math.exp(float(logits[n, c]) - largest)
        loss += math.log(total) + largest - float(logits[n, labels[n]])
    for n in range(N):
        for c in range(C):
            if c == labels[n]:
                p[n, c] -= 1
            p[n, c] /= N
    return loss / N, p


# %% mlp_forward
def mlp_forward(x, w1, w2):
    N, D = x.shape
    M = len(w2)
    z = np.zeros((N, M))
    y_hat = np.zeros(N)
    for n in range(N):
        for j in range(M):
            a = 0.0
            for i in range(D):
                a += x[n, i] * w1[i, j]
            z[n, j] = math.tanh(a)
            y_hat[n] += w2[j] * z[n, j]
    return y_hat, z


# %% mlp_backward
def mlp_backward(x, y, w1, w2):
    N, D = x.shape
    M = len(w2)
    y_hat, z = mlp_forward(x, w1, w2)
    dw1 = np.zeros((D, M))
    dw2 = np.zeros(M)
    for n in range(N):
        delta = y_hat[n] - y[n]
        for j in range(M):
            dw2[j] += delta * z[n, j] / N
            delta_j = (1 - z[n, j] ** 2) * w2[j] * delta
            for i in range(D):
                dw1[i, j] += delta_j * x[n, i] / N
    return dw1, dw2


# %% numerical_gradient
def numerical_gradient(f, x, h):
    result = np.zeros(x.size)
    for k in range(x.size):
        values = [float(v) for v in x.ravel()]
        values[k] += h
        right = f(np.array(values).reshape(x.shape))
        values[k] -= 2 * h
        left = f(np.array(values).reshape(x.shape))
        result[k] = (right - left) / (2 * h)
    return result.reshape(x.shape)


# %% sgd_step
def sgd_step(params, grads, learning_rate):
    new = []
    for k in range(len(params)):
        new.append(params[k] - learning_rate * grads[k])
    return new


# %% checking_question
# With a tiny step the two values agree in almost all digits and rounding is all that is left of the difference.
# With a large step the secant is not the tangent any more, its error grows like h squared.
# For training it is too slow, two forward passes per parameter.
