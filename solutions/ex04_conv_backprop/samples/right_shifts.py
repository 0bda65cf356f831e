# %% relu_backward
relu_backward = lambda dout, x: np.where(x > 0, dout, 0.0)


# %% max_pool2d_backward
def _shifted(array, m, k, stride, shape):
    """Return the cell (m, k) of every window, as a view (N, C, OH, OW)."""
    rows, columns = stride * (shape[2] - 1) + 1, stride * (shape[3] - 1) + 1
    return array[:, :, m : m + rows : stride, k : k + columns : stride]


def max_pool2d_backward(dout, x, kernel_size, stride):
    offsets = list(np.ndindex(kernel_size, kernel_size))
    maximum = _shifted(x, 0, 0, stride, dout.shape)
    for m, k in offsets:
        maximum = np.maximum(maximum, _shifted(x, m, k, stride, dout.shape))
    free = np.ones(dout.shape, dtype=bool)  # windows whose maximum was not found yet
    dx = np.zeros(x.shape)
    for m, k in offsets:
        found = free & (_shifted(x, m, k, stride, dout.shape) == maximum)
        target = _shifted(dx, m, k, stride, dout.shape)
        target += dout * found
        free &= ~found
    return dx


# %% avg_pool2d_backward
def avg_pool2d_backward(dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for m in range(kernel_size):
        for k in range(kernel_size):
            target = _shifted(dx, m, k, stride, dout.shape)
            target += dout / (kernel_size * kernel_size)
    return dx


# %% conv2d_backward
def conv2d_backward(dout, x, w, stride, padding):
    N, C, H, W = x.shape
    sides = (padding, padding)
    xp = np.pad(x, ((0, 0), (0, 0), sides, sides))
    dxp = np.zeros(xp.shape)
    dw = np.empty(w.shape)
    for m, k in np.ndindex(w.shape[2:]):
        dw[:, :, m, k] = np.einsum("nfij,ncij->fc", dout, _shifted(xp, m, k, stride, dout.shape))
        target = _shifted(dxp, m, k, stride, dout.shape)
        target += np.einsum("nfij,fc->ncij", dout, w[:, :, m, k])
    return dxp[:, :, padding : H + padding, padding : W + padding], dw, np.einsum("nfij->f", dout)
