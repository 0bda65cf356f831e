# %% relu_backward
def relu_backward(dout, x):
    return dout * (x >= 0)


# %% max_pool2d_backward
def max_pool2d_backward(dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        r, s = i * stride, j * stride
        window = x[n, c, r : r + kernel_size, s : s + kernel_size]
        m, k = divmod(window.argmax(), kernel_size)
        dx[n, c, r + m, s + k] = dout[n, c, i, j]
    return dx


# %% avg_pool2d_backward
def avg_pool2d_backward(dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        r, s = i * stride, j * stride
        dx[n, c, r : r + kernel_size, s : s + kernel_size] = dout[n, c, i, j] / kernel_size**2
    return dx


# %% conv2d_backward
def conv2d_backward(dout, x, w, stride, padding):
    N, C, H, W = x.shape
    F, C, KH, KW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dout.shape):
        r, s = i * stride, j * stride
        dw[f] += dout[n, f, i, j] * xp[n, :, r : r + KH, s : s + KW]
        dxp[n, :, r : r + KH, s : s + KW] = dout[n, f, i, j] * w[f]
    return dxp[:, :, padding : padding + H, padding : padding + W], dw, dout.sum(axis=(0, 2, 3))


# %% gradient_check_question
# Her step is too large, h must be smaller.
