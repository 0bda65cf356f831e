# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    OH, OW = H // kernel_size, W // kernel_size
    cut = x[:, :, : OH * kernel_size, : OW * kernel_size]
    return cut.reshape(N, C, OH, kernel_size, OW, kernel_size).max(axis=(3, 5))


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    OH, OW = H // kernel_size, W // kernel_size
    cut = x[:, :, : OH * kernel_size, : OW * kernel_size]
    return cut.reshape(N, C, OH, kernel_size, OW, kernel_size).mean(axis=(3, 5))


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    return np.sqrt(avg_pool2d(x.astype(float) ** 2, kernel_size, stride))


# %% maxout
def maxout(x, pieces):
    N, C, H, W = x.shape
    if C % pieces:
        raise ValueError("not divisible")
    return x.reshape(N, pieces, C // pieces, H, W).max(axis=1)


# %% global_avg_pool
def global_avg_pool(x):
    return avg_pool2d(x, x.shape[2], 1)[:, :, 0, 0]
