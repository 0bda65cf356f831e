# %% relu_backward
def relu_backward(dout, x):
    return dout * np.heaviside(x, 0)


# %% max_pool2d_backward
def _places(size, kernel_size, stride, count):
    """Return the cells (count, kernel_size) that the windows of one axis cover."""
    places = stride * np.arange(count)[:, None] + np.arange(kernel_size)[None, :]
    assert places.max() < size
    return places


def max_pool2d_backward(dout, x, kernel_size, stride):
    N, C, H, W = x.shape
    OH, OW = dout.shape[2:]
    rows, columns = _places(H, kernel_size, stride, OH), _places(W, kernel_size, stride, OW)
    cells = (rows[:, None, :, None] * W + columns[None, :, None, :]).reshape(OH * OW, kernel_size**2)
    planes = x.reshape(N * C, H * W)
    winners = planes[:, cells].argmax(axis=2)  # (N * C, OH * OW)
    targets = cells[np.arange(OH * OW), winners] + H * W * np.arange(N * C)[:, None]
    dx = np.bincount(targets.ravel(), weights=dout.ravel(), minlength=x.size)
    return dx.reshape(x.shape)


# %% avg_pool2d_backward
def _covers(size, kernel_size, stride, count):
    """Return a matrix (count, size): 1 where a window of one axis covers a cell."""
    matrix = np.zeros((count, size))
    for i in range(count):
        matrix[i, i * stride : i * stride + kernel_size] = 1
    return matrix


def avg_pool2d_backward(dout, x, kernel_size, stride):
    vertical = _covers(x.shape[2], kernel_size, stride, dout.shape[2]) / kernel_size
    horizontal = _covers(x.shape[3], kernel_size, stride, dout.shape[3]) / kernel_size
    return vertical.T @ dout @ horizontal


# %% conv2d_backward
def conv2d_backward(dout, x, w, stride, padding):
    N, C, H, W = x.shape
    F, _, KH, KW = w.shape
    OH, OW = dout.shape[2:]
    HP, WP = H + 2 * padding, W + 2 * padding
    xp = np.zeros((N, C, HP, WP))
    xp[:, :, padding : padding + H, padding : padding + W] = x
    rows = stride * np.arange(OH)[:, None] + np.arange(KH)
    columns = stride * np.arange(OW)[:, None] + np.arange(KW)
    patches = xp[:, :, rows[:, None, :, None], columns[None, :, None, :]]  # (N, C, OH, OW, KH, KW)
    matrix = patches.transpose(0, 2, 3, 1, 4, 5).reshape(N * OH * OW, C * KH * KW)
    flat = dout.transpose(0, 2, 3, 1).reshape(N * OH * OW, F)
    dw = (flat.T @ matrix).reshape(w.shape)
    back = (flat @ w.reshape(F, -1)).reshape(N, OH, OW, C, KH, KW).transpose(0, 3, 1, 2, 4, 5)
    dxp = np.zeros((N, C, HP, WP))
    np.add.at(dxp, (slice(None), slice(None), rows[:, None, :, None], columns[None, :, None, :]), back)
    return dxp[:, :, padding : padding + H, padding : padding + W], dw, flat.sum(axis=0)
