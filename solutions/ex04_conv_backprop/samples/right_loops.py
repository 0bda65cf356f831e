# %% relu_backward
def relu_backward(dout, x):
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        if x[index] > 0:
            dx[index] = dout[index]
    return dx


# %% max_pool2d_backward
def max_pool2d_backward(dout, x, kernel_size, stride):
    N, C, OH, OW = dout.shape
    dx = np.zeros(x.shape)
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    best = (i * stride, j * stride)
                    for r in range(i * stride, i * stride + kernel_size):
                        for s in range(j * stride, j * stride + kernel_size):
                            if x[n, c, r, s] > x[n, c, best[0], best[1]]:
                                best = (r, s)
                    dx[n, c, best[0], best[1]] += dout[n, c, i, j]
    return dx


# %% avg_pool2d_backward
def avg_pool2d_backward(dout, x, kernel_size, stride):
    N, C, OH, OW = dout.shape
    dx = np.zeros(x.shape)
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    for m in range(kernel_size):
                        for k in range(kernel_size):
                            dx[n, c, i * stride + m, j * stride + k] += dout[n, c, i, j] / kernel_size**2
    return dx


# %% conv2d_backward
def conv2d_backward(dout, x, w, stride, padding):
    N, C, H, W = x.shape
    F, C, KH, KW = w.shape
    N, F, OH, OW = dout.shape
    dx, dw, db = np.zeros((N, C, H, W)), np.zeros((F, C, KH, KW)), np.zeros(F)
    for n in range(N):
        for f in range(F):
            for i in range(OH):
                for j in range(OW):
                    db[f] += dout[n, f, i, j]
                    for m in range(KH):
                        for k in range(KW):
                            r, s = i * stride + m - padding, j * stride + k - padding
                            if 0 <= r < H and 0 <= s < W:  # all else is padding
                                dw[f, :, m, k] += dout[n, f, i, j] * x[n, :, r, s]
                                dx[n, :, r, s] += dout[n, f, i, j] * w[f, :, m, k]
    return dx, dw, db


# %% gradient_check_question
# A convolution is linear in x and in w, so the central difference is exact up to rounding. With equal numbers in a window
# the step up changes the maximum and the step down does not, so the difference is half of it. Use random real numbers.
