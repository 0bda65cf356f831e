# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    # a maximum over a square is a maximum over rows of maxima over columns
    rows = np.arange(0, x.shape[2] - kernel_size + 1, stride)[:, None] + np.arange(kernel_size)
    columns = np.arange(0, x.shape[3] - kernel_size + 1, stride)[:, None] + np.arange(kernel_size)
    return x[:, :, rows].max(axis=3)[..., columns].max(axis=4)


# %% avg_pool2d
def averages(n, kernel_size, stride):
    matrix = np.zeros(((n - kernel_size) // stride + 1, n))
    for i, row in enumerate(matrix):
        row[i * stride : i * stride + kernel_size] = 1 / kernel_size
    return matrix


def avg_pool2d(x, kernel_size, stride):
    down = averages(x.shape[2], kernel_size, stride)
    across = averages(x.shape[3], kernel_size, stride)
    return down @ x @ across.T


# %% l2_pool2d
def band(n, kernel_size, stride):
    matrix = np.zeros(((n - kernel_size) // stride + 1, n))
    for i, row in enumerate(matrix):
        row[i * stride : i * stride + kernel_size] = 1
    return matrix


def l2_pool2d(x, kernel_size, stride):
    squares = np.asarray(x, float) ** 2
    return np.sqrt(band(x.shape[2], kernel_size, stride) @ squares @ band(x.shape[3], kernel_size, stride).T)


# %% maxout
def maxout(x, pieces):
    # reshape raises a ValueError by itself
    last = np.moveaxis(x, 1, -1)
    return np.moveaxis(last.reshape(*last.shape[:3], x.shape[1] // pieces, pieces).max(axis=-1), -1, 1)


# %% global_avg_pool
def global_avg_pool(x):
    N, C, H, W = x.shape
    return x.reshape(N, C, H * W) @ np.full(H * W, 1 / (H * W))
