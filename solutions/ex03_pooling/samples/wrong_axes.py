# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j] = x[n, :, i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size].max()
    return y


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    size = (H - kernel_size) // stride + 1
    y = np.zeros((N, C, size, size))
    for n, c, i, j in np.ndindex(y.shape):
        window = x[n, c, i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
        if window.size == 0:
            raise ValueError("empty window")
        y[n, c, i, j] = window.mean()
    return y


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    return np.sqrt((windows[:, :, ::stride].astype(float) ** 2).sum(axis=(4, 5)))


# %% maxout
def maxout(x, pieces):
    N, C, H, W = x.shape
    return x.reshape(N, C // pieces, pieces, H, W).max(axis=1)


# %% global_avg_pool
def global_avg_pool(x):
    return x.mean(axis=(2, 3), keepdims=True)
