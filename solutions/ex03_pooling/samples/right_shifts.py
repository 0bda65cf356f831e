# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    bottom = x.shape[2] - kernel_size + 1
    right = x.shape[3] - kernel_size + 1
    y = None
    for i in range(kernel_size):
        for j in range(kernel_size):
            cell = x[:, :, i : i + bottom : stride, j : j + right : stride]
            y = cell if y is None else np.maximum(y, cell)
    return y


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    bottom = x.shape[2] - kernel_size + 1
    right = x.shape[3] - kernel_size + 1
    y = 0.0
    for i in range(kernel_size):
        for j in range(kernel_size):
            y = y + x[:, :, i : i + bottom : stride, j : j + right : stride]
    return y / kernel_size**2


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    bottom = x.shape[2] - kernel_size + 1
    right = x.shape[3] - kernel_size + 1
    y = np.zeros((1, 1, 1, 1))
    for i in range(kernel_size):
        for j in range(kernel_size):
            y = np.hypot(y, x[:, :, i : i + bottom : stride, j : j + right : stride].astype(float))
    return y


# %% maxout
def maxout(x, pieces):
    if x.shape[1] // pieces * pieces != x.shape[1]:
        raise ValueError("pieces must divide the channels")
    y = x[:, ::pieces]
    for p in range(1, pieces):
        y = np.maximum(y, x[:, p::pieces])
    return y


# %% global_avg_pool
def global_avg_pool(x):
    return np.sum(np.sum(x, axis=3), axis=2) / x.shape[2] / x.shape[3]
