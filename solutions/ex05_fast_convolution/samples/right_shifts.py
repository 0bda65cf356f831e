# %% im2col
def im2col(x, kernel_size, stride, padding):
    N, C, H, W = x.shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows = []
    for c in range(C):
        for m in range(kernel_size):
            for k in range(kernel_size):
                shifted = x[:, c, m::stride, k::stride][:, :OH, :OW]
                rows.append(shifted.reshape(N, OH * OW))
    return np.stack(rows, axis=1)


# %% col2im
def col2im(cols, x_shape, kernel_size, stride, padding):
    N, C, H, W = x_shape
    OH = (H + 2 * padding - kernel_size) // stride + 1
    OW = (W + 2 * padding - kernel_size) // stride + 1
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    row = 0
    for c in range(C):
        for m in range(kernel_size):
            for k in range(kernel_size):
                down = slice(m, m + stride * (OH - 1) + 1, stride)
                right = slice(k, k + stride * (OW - 1) + 1, stride)
                x[:, c, down, right] += cols[:, row].reshape(N, OH, OW)
                row += 1
    return x[:, :, padding : padding + H, padding : padding + W]


# %% conv2d_fast
def conv2d_fast(x, w, b, stride, padding):
    """No columns: one product of channels for each kernel cell."""
    K = w.shape[2]
    OH = (x.shape[2] + 2 * padding - K) // stride + 1
    OW = (x.shape[3] + 2 * padding - K) // stride + 1
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    y = np.zeros((len(x), len(w), OH * OW)) + b[:, None]
    for m in range(K):
        for k in range(K):
            shifted = x[:, :, m::stride, k::stride][:, :, :OH, :OW]
            y += w[:, :, m, k] @ shifted.reshape(len(x), -1, OH * OW)
    return y.reshape(len(x), len(w), OH, OW)


# %% conv2d_fast_backward
def conv2d_fast_backward(dout, x, w, stride, padding):
    K = w.shape[2]
    N, F, OH, OW = dout.shape
    H, W = x.shape[2:]
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    flat = dout.reshape(N, F, -1)
    dx = np.zeros(x.shape)
    dw = np.zeros(w.shape)
    for m in range(K):
        for k in range(K):
            place = np.s_[
                :, :, m : m + stride * (OH - 1) + 1 : stride, k : k + stride * (OW - 1) + 1 : stride
            ]
            shifted = x[place].reshape(N, -1, OH * OW)
            dw[:, :, m, k] = (flat @ shifted.swapaxes(1, 2)).sum(axis=0)
            dx[place] += (w[:, :, m, k].T @ flat).reshape(N, -1, OH, OW)
    return dx[:, :, padding : padding + H, padding : padding + W], dw, dout.sum(axis=(0, 2, 3))


# %% memory_question
# The input takes 49 MiB, the columns 441 MiB: each pixel is copied nine times. One matrix product runs in compiled
# code. Doing one kernel cell after the other needs no columns; its products are smaller.
