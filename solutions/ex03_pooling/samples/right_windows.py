# %% max_pool2d
from numpy.lib.stride_tricks import sliding_window_view


def max_pool2d(x, kernel_size, stride):
    windows = sliding_window_view(x, (1, 1, kernel_size, kernel_size))
    return np.amax(windows[:, :, ::stride, ::stride], axis=(4, 5, 6, 7))


# %% avg_pool2d
from numpy.lib.stride_tricks import as_strided


def avg_pool2d(images, size, step):
    N, C, H, W = images.shape
    n, c, h, w = images.strides
    shape = (N, C, (H - size) // step + 1, (W - size) // step + 1, size, size)
    windows = as_strided(images, shape, (n, c, h * step, w * step, h, w), writeable=False)
    return np.einsum("ncijab,ab->ncij", windows, np.full((size, size), 1 / size**2))


# %% l2_pool2d
from numpy.lib.stride_tricks import sliding_window_view


def l2_pool2d(x, kernel_size, stride):
    windows = sliding_window_view(x.astype(np.float64), (kernel_size, kernel_size), axis=(-2, -1))
    windows = windows[..., ::stride, ::stride, :, :]
    return np.sqrt(np.einsum("ncijab,ncijab->ncij", windows, windows))


# %% maxout
from numpy.lib.stride_tricks import sliding_window_view


def maxout(x, pieces):
    if divmod(x.shape[1], pieces)[1]:
        raise ValueError
    return sliding_window_view(x, pieces, axis=1)[:, ::pieces].max(axis=-1)


# %% global_avg_pool
def global_avg_pool(x):
    return np.einsum("ncij->nc", x.astype(float)) / x[0, 0].size
