# %% im2col
def im2col(x, kernel_size, stride, padding):
    N, C, H, W = x.shape
    OH, OW = H + 2 * padding - kernel_size + 1, W + 2 * padding - kernel_size + 1
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    cols = np.zeros((N, C, kernel_size, kernel_size, OH, OW))
    for m in range(kernel_size):
        for k in range(kernel_size):
            cols[:, :, m, k] = x[:, :, m : m + OH, k : k + OW]
    return cols.reshape(N, C * kernel_size**2, OH * OW)


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    cols = cols.reshape(N, C, kernel_size, kernel_size, OH, OW)
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for i in range(OH):
        for j in range(OW):
            x[:, :, i : i + kernel_size, j : j + kernel_size] += cols[..., i, j]
    return x[:, :, padding : padding + H, padding : padding + W]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    N, F, K = len(x), len(w), w.shape[2]
    OH, OW = x.shape[2] + 2 * padding - K + 1, x.shape[3] + 2 * padding - K + 1
    cols = im2col(x, K, stride, padding)
    return (w.reshape(F, -1) @ cols + b[:, None]).reshape(N, F, OH, OW)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    N, F, OH, OW = dout.shape
    K = w.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (K, K), axis=(2, 3))[:, :, ::stride, ::stride]
    dw = np.einsum("nfij,ncijmk->fcmk", dout, windows)
    dcols = w.reshape(F, -1).T @ dout.reshape(N, F, -1)
    return col2im(dcols, x.shape, K, stride, padding), dw, dout.sum(axis=(0, 2, 3))
