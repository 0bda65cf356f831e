# %% relu_backward
def relu_backward(dout, x):
    dx = np.array(dout, dtype=float)
    dx[x <= 0] = 0
    return dx


# %% max_pool2d_backward
from numpy.lib.stride_tricks import sliding_window_view


def max_pool2d_backward(dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    windows = sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))[:, :, ::stride, ::stride]
    index = windows.reshape(*dout.shape, -1).argmax(axis=-1)
    n, c, i, j = np.indices(dout.shape)
    np.add.at(dx, (n, c, i * stride + index // kernel_size, j * stride + index % kernel_size), dout)
    return dx


# %% avg_pool2d_backward
def avg_pool2d_backward(dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    windows = sliding_window_view(dx, (kernel_size, kernel_size), axis=(2, 3), writeable=True)
    for i, j in np.ndindex(dout.shape[2:]):
        windows[:, :, i * stride, j * stride] += dout[:, :, i, j, None, None] / kernel_size**2
    return dx


# %% conv2d_backward
def conv2d_backward(dout, x, w, stride, padding):
    N, C, H, W = x.shape
    KH, KW = w.shape[2:]
    P, S = padding, stride
    xp = np.pad(x, [(0, 0), (0, 0), (P, P), (P, P)])
    windows = sliding_window_view(xp, (KH, KW), axis=(2, 3))[:, :, ::S, ::S]
    dw = np.einsum("nfij,ncijmk->fcmk", dout, windows)
    # Where the stride is 1, dx is dout with a frame of KH - 1 zeros, seen through the turned kernel. A stride puts
    # zeros between the numbers of dout.
    wide = np.zeros((N, dout.shape[1], H + 2 * P - KH + 1, W + 2 * P - KW + 1))
    wide[:, :, ::S, ::S] = dout
    wide = np.pad(wide, [(0, 0), (0, 0), (KH - 1, KH - 1), (KW - 1, KW - 1)])
    windows = sliding_window_view(wide, (KH, KW), axis=(2, 3))
    dxp = np.einsum("nfrsmk,fcmk->ncrs", windows, w[:, :, ::-1, ::-1])
    return [dxp[:, :, P : P + H, P : P + W], dw, dout.sum((0, 2, 3))]
