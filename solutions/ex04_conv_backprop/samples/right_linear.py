# %% relu_backward
def relu_backward(dout, x):
    slope = (np.sign(x) + 1) // 2  # 0 below, 0 at and 1 above zero
    return slope * dout


# %% max_pool2d_backward
def max_pool2d_backward(dout, x, kernel_size, stride):
    print("pooling", x.shape)
    # Rank the cells: a larger number ranks higher, and of equal numbers the one that comes first.
    order = np.lexsort((-np.arange(x.size), x.ravel()))
    rank = np.empty(x.size, dtype=int)
    rank[order] = np.arange(x.size)
    rank = rank.reshape(x.shape)
    dx = np.zeros(x.size)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            top, left = stride * i, stride * j
            highest = rank[:, :, top : top + kernel_size, left : left + kernel_size].max(axis=(2, 3))
            dx[order[highest]] += dout[:, :, i, j]
    return dx.reshape(x.shape)


# %% avg_pool2d_backward
def avg_pool2d_backward(dout, x, kernel_size, stride):
    # Put the numbers of dout where their windows begin, and take running sums over kernel_size cells.
    N, C, H, W = x.shape
    K = kernel_size
    wide = np.zeros((N, C, H + K, W + K))
    for (i, j), share in zip(np.ndindex(dout.shape[2:]), dout.reshape(N, C, -1).transpose(2, 0, 1), strict=True):
        wide[:, :, K + i * stride, K + j * stride] = share / K**2
    total = wide.cumsum(axis=2).cumsum(axis=3)
    return total[:, :, K:, K:] - total[:, :, :H, K:] - total[:, :, K:, :W] + total[:, :, :H, :W]


# %% conv2d_backward
def conv2d_backward(dout, x, w, stride, padding):
    # Along each axis, A[i, m, r] is 1 where row r of the image is row m of window i.
    def axis(outputs, kernel, size):
        i, m, r = np.ogrid[:outputs, :kernel, :size]
        return (i * stride + m - padding == r).astype(float)

    A = axis(dout.shape[2], w.shape[2], x.shape[2])
    B = axis(dout.shape[3], w.shape[3], x.shape[3])
    half = np.einsum("nfij,imr->nfjmr", dout, A)
    both = np.einsum("nfjmr,jks->nfmkrs", half, B)
    dx = np.einsum("nfmkrs,fcmk->ncrs", both, w)
    dw = np.einsum("nfmkrs,ncrs->fcmk", both, x)
    db = np.array([dout[:, f].sum() for f in range(w.shape[0])])
    return dx, dw, db
