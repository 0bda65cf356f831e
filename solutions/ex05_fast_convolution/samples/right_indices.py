# %% im2col
def indices(x_shape, K, S, P):
    """Return channel, row and column of every cell of the columns, each (C * K * K, OH * OW) or broadcast to it."""
    N, C, H, W = x_shape
    OH, OW = (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1
    channel = np.repeat(np.arange(C), K * K)[:, None]
    row = np.tile(np.repeat(np.arange(K), K), C)[:, None] + S * np.repeat(np.arange(OH), OW)
    column = np.tile(np.arange(K), K * C)[:, None] + S * np.tile(np.arange(OW), OH)
    return channel, row, column


def im2col(x, kernel_size, stride, padding):
    channel, row, column = indices(x.shape, kernel_size, stride, padding)
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return x[:, channel, row, column]


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding), dtype=cols.dtype)
    np.add.at(x, (slice(None), *indices(x_shape, kernel_size, stride, padding)), cols)
    if padding == 0:
        return x
    return x[:, :, padding:-padding, padding:-padding]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    """All images in one matrix product."""
    N, _, H, W = x.shape
    F, _, K, _ = w.shape
    cols = im2col(x, K, stride, padding)
    matrix = cols.transpose(1, 2, 0).reshape(cols.shape[1], -1)
    y = w.reshape(F, -1) @ matrix + b.reshape(-1, 1)
    OH, OW = (H + 2 * padding - K) // stride + 1, (W + 2 * padding - K) // stride + 1
    return y.reshape(F, OH, OW, N).transpose(3, 0, 1, 2)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    F, _, K, _ = w.shape
    cols = im2col(x, K, stride, padding)
    matrix = cols.transpose(1, 2, 0).reshape(cols.shape[1], -1)
    rows = dout.transpose(1, 2, 3, 0).reshape(F, -1)
    dw = (rows @ matrix.T).reshape(w.shape)
    dcols = (w.reshape(F, -1).T @ rows).reshape(cols.shape[1], cols.shape[2], len(x)).transpose(2, 0, 1)
    return col2im(dcols, x.shape, K, stride, padding), dw, rows.sum(axis=1)


# %% memory_question
# K * K times the input: 441 MiB for 49 MiB. It pays because a matrix product uses the processor well and a Python
# loop does not. One image at a time needs 64 times less memory, and its products are smaller.
