# %% im2col
def im2col(x, kernel_size, stride, padding):
    N, C, H, W = x.shape
    K = kernel_size
    x = np.pad(x, ((0, 0), (0, 0), (0, padding), (0, padding)))
    OH, OW = (x.shape[2] - K) // stride + 1, (x.shape[3] - K) // stride + 1
    cols = np.zeros((N, C, K, K, OH, OW))
    for i in range(OH):
        for j in range(OW):
            cols[..., i, j] = x[:, :, i * stride : i * stride + K, j * stride : j * stride + K]
    return cols.reshape(N, C * K * K, OH * OW)


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    cols = cols.reshape(N, C, kernel_size, kernel_size, OH, OW)
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for m in range(kernel_size):
        for k in range(kernel_size):
            x[:, :, m : m + stride * OH : stride, k : k + stride * OW : stride] += cols[:, :, m, k]
    return x[:, :, padding:-padding, padding:-padding]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    N, F, K = len(x), len(w), w.shape[2]
    OH = (x.shape[2] - K) // stride + 1
    OW = (x.shape[3] - K) // stride + 1
    cols = im2col(x, K, stride, 0)
    return (w.reshape(F, -1) @ cols + b[:, None]).reshape(N, F, OH, OW)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    F, K = len(w), w.shape[2]
    N, C, H, W = x.shape
    sides = (padding, padding)
    x = np.pad(x, ((0, 0), (0, 0), sides, sides))
    d = dout.reshape(N, F, -1)
    dw = (d @ im2col(x, K, stride, 0).swapaxes(1, 2)).mean(axis=0).reshape(w.shape)
    OH, OW = dout.shape[2:]
    dcols = (w.reshape(F, -1).T @ d).reshape(N, C, K, K, OH, OW)
    dx = np.zeros(x.shape)
    for m in range(K):
        for k in range(K):
            dx[:, :, m : m + stride * OH : stride, k : k + stride * OW : stride] += dcols[:, :, m, k]
    return dx, dw, dout.sum(axis=(0, 2, 3))
