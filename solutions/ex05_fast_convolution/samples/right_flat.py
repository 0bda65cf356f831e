# %% im2col
def _cells(H, W, K, S, P):
    """Return the place of each window's cells in the flattened padded plane: (K * K, OH * OW)."""
    corner = np.add.outer(np.arange(0, H + 2 * P - K + 1, S) * (W + 2 * P), np.arange(0, W + 2 * P - K + 1, S))
    inside = np.add.outer(np.arange(K) * (W + 2 * P), np.arange(K))
    return np.add.outer(inside.ravel(), corner.ravel())


def im2col(x, kernel_size, stride, padding):
    N, C, H, W = x.shape
    plane = np.zeros((N, C, H + 2 * padding, W + 2 * padding), x.dtype)
    plane[:, :, padding : padding + H, padding : padding + W] = x
    cells = _cells(H, W, kernel_size, stride, padding)
    return plane.reshape(N, C, -1).take(cells, axis=2).reshape(N, -1, cells.shape[1])


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    cells = _cells(H, W, kernel_size, stride, padding)
    size = (H + 2 * padding) * (W + 2 * padding)
    where = np.arange(N * C)[:, None] * size + cells.ravel()
    plane = np.bincount(where.ravel(), weights=cols.ravel(), minlength=N * C * size)
    plane = plane.reshape(N, C, H + 2 * padding, W + 2 * padding)
    return plane[:, :, padding : padding + H, padding : padding + W]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    K = w.shape[-1]
    OH = len(range(0, x.shape[2] + 2 * padding - K + 1, stride))
    y = np.einsum("fk,nkp->nfp", w.reshape(len(w), -1), im2col(x, K, stride, padding), optimize=True)
    return (y + b[None, :, None]).reshape(len(x), len(w), OH, -1)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    d = dout.reshape(len(x), len(w), -1)
    cols = im2col(x, w.shape[-1], stride, padding)
    dw = np.einsum("nfp,nkp->fk", d, cols, optimize=True).reshape(w.shape)
    dcols = np.einsum("fk,nfp->nkp", w.reshape(len(w), -1), d, optimize=True)
    return col2im(dcols, x.shape, w.shape[-1], stride, padding), dw, d.sum(axis=2).sum(axis=0)
