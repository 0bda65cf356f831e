# %% im2col
def im2col(x, kernel_size, stride, padding):
    """The plain way: one window after the other."""
    N, C, H, W = x.shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    cols = np.zeros((N, C * kernel_size**2, OH * OW))
    for n in range(N):
        for i in range(OH):
            for j in range(OW):
                top, left = i * stride, j * stride
                cols[n, :, i * OW + j] = x[n, :, top : top + kernel_size, left : left + kernel_size].ravel()
    return cols


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    print(x_shape)
    N, C, H, W = x_shape
    OW = (W + 2 * padding - kernel_size) // stride + 1
    x = np.zeros(x_shape[:2] + (H + 2 * padding, W + 2 * padding))
    for n in range(N):
        for p in range(cols.shape[2]):
            i, j = divmod(p, OW)
            top, left = i * stride, j * stride
            window = cols[n, :, p].reshape(C, kernel_size, kernel_size)
            x[n, :, top : top + kernel_size, left : left + kernel_size] += window
    return x[:, :, padding : padding + H, padding : padding + W].copy()


# %% conv2d_fast
def _slide(x, w):
    """Cross-correlate (N, C, H, W) with (F, C, KH, KW) by a view made by hand and one product."""
    N, C, H, W = x.shape
    F, _, KH, KW = w.shape
    x = np.ascontiguousarray(x)
    shape = (C, KH, KW, N, H - KH + 1, W - KW + 1)
    n, c, i, j = x.strides
    view = np.lib.stride_tricks.as_strided(x, shape, (c, i, j, n, i, j), writeable=False)
    y = w.reshape(F, -1) @ view.reshape(C * KH * KW, -1)
    return y.reshape(F, *shape[3:]).swapaxes(0, 1)


def conv2d_fast(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return _slide(x, w)[:, :, ::stride, ::stride] + b.reshape(1, -1, 1, 1)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    """Both gradients are convolutions: dw slides dout over x, dx slides the turned kernels over dout."""
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    OH, OW = H + 2 * padding - K + 1, W + 2 * padding - K + 1
    spread = np.zeros((N, F, OH, OW))
    spread[:, :, ::stride, ::stride] = dout
    dw = _slide(x.swapaxes(0, 1), spread.swapaxes(0, 1)).swapaxes(0, 1)
    around = np.pad(spread, ((0, 0), (0, 0), (K - 1, K - 1), (K - 1, K - 1)))
    dx = _slide(around, w[:, :, ::-1, ::-1].swapaxes(0, 1))
    return dx[:, :, padding : padding + H, padding : padding + W], dw, np.einsum("nfij->f", dout)
