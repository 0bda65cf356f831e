# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1), dtype=int)
    for i, j in np.ndindex(y.shape[2:]):
        y[:, :, i, j] = x[:, :, i * stride :, j * stride :][:, :, :kernel_size, :kernel_size].max(axis=(2, 3))
    return y


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1), dtype=x.dtype)
    for i, j in np.ndindex(y.shape[2:]):
        y[:, :, i, j] = x[:, :, i * stride :, j * stride :][:, :, :kernel_size, :kernel_size].mean(axis=(2, 3))
    return y


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    x = x**2
    for i, j in np.ndindex(y.shape[2:]):
        y[:, :, i, j] = x[:, :, i * stride :, j * stride :][:, :, :kernel_size, :kernel_size].sum(axis=(2, 3)) ** 0.5
    return y


# %% maxout
def maxout(x, pieces):
    assert x.shape[1] % pieces == 0, "not divisible"
    return x.reshape(len(x), -1, pieces, *x.shape[2:]).max(axis=2)


# %% global_avg_pool
def global_avg_pool(x):
    return x.sum(axis=(2, 3)) // (x.shape[2] * x.shape[3])
