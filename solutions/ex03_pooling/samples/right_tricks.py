# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    print("sorting", x.shape)
    OH, OW = (x.shape[2] - kernel_size) // stride + 1, (x.shape[3] - kernel_size) // stride + 1
    columns = [
        x[:, :, i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size].reshape(*x.shape[:2], -1)
        for i in range(OH)
        for j in range(OW)
    ]
    return np.sort(np.stack(columns, axis=2), axis=-1)[..., -1].reshape(*x.shape[:2], OH, OW)


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    # the summed-area table: four corners make the sum of any rectangle
    table = np.zeros((*x.shape[:2], x.shape[2] + 1, x.shape[3] + 1))
    table[:, :, 1:, 1:] = x.cumsum(axis=2, dtype=float).cumsum(axis=3)
    k = kernel_size
    sums = table[:, :, k:, k:] - table[:, :, :-k, k:] - table[:, :, k:, :-k] + table[:, :, :-k, :-k]
    return sums[:, :, ::stride, ::stride] / k**2


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    x = x.astype(np.float64)
    return kernel_size * np.sqrt(avg_pool2d(x * x, kernel_size, stride))


# %% maxout
def maxout(x, pieces):
    try:
        groups = np.split(x, x.shape[1] // pieces, axis=1)
    except (ValueError, ZeroDivisionError):
        raise ValueError("the channels cannot be shared out") from None
    return np.concatenate([np.maximum.reduce(g, axis=1, keepdims=True) for g in groups], axis=1)


# %% global_avg_pool
def global_avg_pool(x):
    y = 0
    for row in np.moveaxis(x, 2, 0):
        y = y + row.mean(axis=-1)
    return y / x.shape[2]
