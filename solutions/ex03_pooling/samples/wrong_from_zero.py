# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    for n, c, i, j in np.ndindex(y.shape):
        for a in range(kernel_size):
            for b in range(kernel_size):
                y[n, c, i, j] = max(y[n, c, i, j], x[n, c, i * stride + a, j * stride + b])
    return y


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    for n, c, i, j in np.ndindex(y.shape):
        for a in range(kernel_size):
            for b in range(kernel_size):
                y[n, c, i, j] += x[n, c, i * stride + a, j * stride + b]
    return y / stride**2


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    for n, c, i, j in np.ndindex(y.shape):
        window = x[n, c, i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
        y[n, c, i, j] = np.linalg.norm(window, 2)
    return y


# %% maxout
def maxout(x, pieces):
    N, C, H, W = x.shape
    y = np.zeros((N, C // pieces, H, W))
    for g in range(C // pieces):
        for p in range(pieces):
            y[:, g] = np.maximum(y[:, g], x[:, g * pieces + p])
    return y


# %% global_avg_pool
def global_avg_pool(x):
    return x.sum(axis=(2, 3)) / x.shape[2] ** 2
