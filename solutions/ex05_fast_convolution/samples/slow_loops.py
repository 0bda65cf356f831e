# %% im2col
def im2col(x, kernel_size, stride, padding):
    N, C, H, W = x.shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    cols = np.zeros((N, C * kernel_size * kernel_size, OH * OW))
    for n in range(N):
        for i in range(OH):
            for j in range(OW):
                window = x[n, :, i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
                cols[n, :, i * OW + j] = window.reshape(-1)
    return cols


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for n in range(N):
        for i in range(OH):
            for j in range(OW):
                window = cols[n, :, i * OW + j].reshape(C, kernel_size, kernel_size)
                x[n, :, i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size] += window
    return x[:, :, padding : padding + H, padding : padding + W]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    OH = (H + 2 * padding - K) // stride + 1
    OW = (W + 2 * padding - K) // stride + 1
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    y = np.zeros((N, F, OH, OW))
    for n in range(N):
        for f in range(F):
            for i in range(OH):
                for j in range(OW):
                    y[n, f, i, j] = b[f]
                    for c in range(C):
                        for m in range(K):
                            for k in range(K):
                                y[n, f, i, j] += x[n, c, i * stride + m, j * stride + k] * w[f, c, m, k]
    return y


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    _, _, OH, OW = dout.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(F)
    for n in range(N):
        for f in range(F):
            for i in range(OH):
                for j in range(OW):
                    d = dout[n, f, i, j]
                    db[f] += d
                    for c in range(C):
                        for m in range(K):
                            for k in range(K):
                                dw[f, c, m, k] += d * x[n, c, i * stride + m, j * stride + k]
                                dx[n, c, i * stride + m, j * stride + k] += d * w[f, c, m, k]
    return dx[:, :, padding : padding + H, padding : padding + W], dw, db
