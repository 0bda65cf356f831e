# %% relu_backward
def relu_backward(dout, x):
    dout[x <= 0] = 0
    return dout


# %% max_pool2d_backward
def max_pool2d_backward(dout, x, kernel_size, stride):
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dout.shape):
        r, s = i * stride, j * stride
        window = x[n, c, r : r + kernel_size, s : s + kernel_size]
        m, k = divmod(window.argmax(), kernel_size)
        dx[n, c, r + m, s + k] += dout[n, c, i, j]
    return dx


# %% avg_pool2d_backward
def avg_pool2d_backward(dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dout.shape[2:]):
        rows, columns = slice(i, i + kernel_size), slice(j, j + kernel_size)
        dx[:, :, rows, columns] += dout[:, :, i, j, None, None] / kernel_size**2
    return dx


# %% conv2d_backward
def conv2d_backward(dout, x, w, stride, padding):
    F, C, KH, KW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dout.shape):
        r, s = i * stride, j * stride
        dw[f] += dout[n, f, i, j] * xp[n, :, r : r + KH, s : s + KW]
        dxp[n, :, r : r + KH, s : s + KW] += dout[n, f, i, j] * w[f]
    return dxp[:, :, padding:-padding, padding:-padding], dw, dout.sum(axis=(0, 2, 3))
