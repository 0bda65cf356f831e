# %% im2col
def im2col(x, kernel_size, stride, padding):
    N, C, H, W = x.shape
    K, S, P = kernel_size, stride, padding
    OH, OW = (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1
    x = np.pad(x, ((0, 0), (0, 0), (P, P), (P, P)))
    blocks = []
    for n in range(N):
        block = [x[n, :, i * S : i * S + K, j * S : j * S + K].ravel() for i in range(OH) for j in range(OW)]
        blocks.append(np.array(block).T)
    return np.concatenate(blocks, axis=1)


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    K, S, P = kernel_size, stride, padding
    OH, OW = (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1
    for n in range(N):
        x = np.zeros((N, C, H + 2 * P, W + 2 * P))
        for i in range(OH):
            for j in range(OW):
                window = cols[n, :, i * OW + j].reshape(C, K, K)
                x[n, :, i * S : i * S + K, j * S : j * S + K] += window
    return x[:, :, P : P + H, P : P + W]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    OH, OW = (H + 2 * padding - K) // stride + 1, (W + 2 * padding - K) // stride + 1
    y = w.reshape(F, -1) @ im2col(x, K, stride, padding) + b[:, None]
    return y.reshape(N, F, OH, OW)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    N, F, OH, OW = dout.shape
    K = w.shape[2]
    rows = dout.reshape(F, -1)
    dw = rows @ im2col(x, K, stride, padding).T
    dcols = np.stack(np.split(w.reshape(F, -1).T @ rows, N, axis=1))
    S, P = stride, padding
    dx = np.zeros((N, x.shape[1], x.shape[2] + 2 * P, x.shape[3] + 2 * P))
    for i in range(OH):
        for j in range(OW):
            window = dcols[:, :, i * OW + j].reshape(N, -1, K, K)
            dx[:, :, i * S : i * S + K, j * S : j * S + K] += window
    return dx[:, :, P : P + x.shape[2], P : P + x.shape[3]], dw.reshape(w.shape), rows.sum(axis=1)
