# %% im2col
from numpy.lib.stride_tricks import sliding_window_view


def im2col(images, size, step, zeros):
    images = np.pad(images, [(0, 0), (0, 0), (zeros, zeros), (zeros, zeros)])
    views = sliding_window_view(images, (size, size), axis=(2, 3))[:, :, ::step, ::step]
    N, C, OH, OW = views.shape[:4]
    return np.moveaxis(views, (4, 5), (2, 3)).reshape(N, C * size * size, OH * OW)


# %% col2im
def col2im(cols, x_shape, size, step, zeros):
    N, C, H, W = x_shape
    height, width = H + 2 * zeros, W + 2 * zeros
    where = sliding_window_view(np.arange(height * width).reshape(height, width), (size, size))
    where = where[::step, ::step].transpose(2, 3, 0, 1).reshape(size * size, -1)
    total = np.zeros((N, C, height * width), cols.dtype)
    np.add.at(total, (slice(None), slice(None), where), cols.reshape(N, C, *where.shape))
    return total.reshape(N, C, height, width)[:, :, zeros : height - zeros, zeros : width - zeros]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    views = sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    y = np.tensordot(views, w, axes=((1, 4, 5), (1, 2, 3)))  # (N, OH, OW, F)
    return np.moveaxis(y + b, 3, 1)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    OH, OW = dout.shape[2:]
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    views = sliding_window_view(x, (K, K), axis=(2, 3))[:, :, ::stride, ::stride]
    dw = np.tensordot(dout, views, axes=((0, 2, 3), (0, 2, 3)))
    shares = np.tensordot(w, dout, axes=(0, 1))  # (C, K, K, N, OH, OW)
    dx = np.zeros(x.shape)
    for m, k in np.ndindex(K, K):
        dx[:, :, m : m + stride * OH : stride, k : k + stride * OW : stride] += shares[:, m, k].swapaxes(0, 1)
    return dx[:, :, padding : H + padding, padding : W + padding], dw, dout.sum((0, 2, 3))
