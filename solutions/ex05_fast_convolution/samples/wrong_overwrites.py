# %% im2col
def im2col(x, kernel_size, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    N, C, OH, OW = windows.shape[:4]
    return windows.reshape(N, C * kernel_size * kernel_size, OH * OW)


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for i in range(OH):
        for j in range(OW):
            top, left = i * stride, j * stride
            window = cols[:, :, i * OW + j].reshape(N, C, kernel_size, kernel_size)
            x[:, :, top : top + kernel_size, left : left + kernel_size] = window
    return x[:, :, padding : padding + H, padding : padding + W]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    F, C, K, _ = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.tensordot(windows, w, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    N, F, OH, OW = dout.shape
    H, W = x.shape[2:]
    K = w.shape[2]
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for i in range(OH):
        for j in range(OW):
            place = np.s_[:, :, i * stride : i * stride + K, j * stride : j * stride + K]
            dw += np.tensordot(dout[:, :, i, j], x[place], axes=(0, 0))
            dx[place] = np.tensordot(dout[:, :, i, j], w, axes=(1, 0))
    return dx[:, :, padding : padding + H, padding : padding + W], dw, dout.sum(axis=(0, 2, 3))
