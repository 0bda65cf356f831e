# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.empty((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            top, left = i * stride, j * stride
            window = x[:, :, top : top + kernel_size, left : left + kernel_size]
            y[:, :, i, j] = window.max(axis=(2, 3))
    return y


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.empty((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            top, left = i * stride, j * stride
            window = x[:, :, top : top + kernel_size, left : left + kernel_size]
            y[:, :, i, j] = window.mean(axis=(2, 3))
    return y


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    y = np.empty((N, C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1))
    for n, c, i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        y[n, c, i, j] = np.linalg.norm(x[n, c, top : top + kernel_size, left : left + kernel_size])
    return y


# %% maxout
def maxout(x, pieces):
    groups, left_over = divmod(x.shape[1], pieces)
    if left_over:
        raise ValueError(f"{left_over} channels left over")
    return np.stack([x[:, g * pieces : (g + 1) * pieces].max(axis=1) for g in range(groups)], axis=1)


# %% global_avg_pool
def global_avg_pool(x):
    return np.array([[channel.mean() for channel in image] for image in x])
