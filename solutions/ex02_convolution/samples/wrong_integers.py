# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    return (n + 2 * padding - kernel_size) / stride + 1


# %% zero_pad
def zero_pad(x, padding):
    N, C, H, W = x.shape
    y = np.zeros((N, C, H + 2 * padding, W + 2 * padding), dtype=int)
    y[:, :, padding : H + padding, padding : W + padding] = x
    return y


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    OH, OW = image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1
    y = np.zeros((OH, OW), dtype=image.dtype)
    for i in range(OH):
        for j in range(OW):
            y[i, j] = (image[i : i + kernel.shape[0], j : j + kernel.shape[1]] * kernel).sum()
    return y


# %% convolve2d
def convolve2d(image, kernel):
    return cross_correlate2d(image, kernel.T)


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    N, C, H, W = x.shape
    F, C, KH, KW = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    y = np.zeros((N, F, OH, OW), dtype=x.dtype)
    for n, f, i, j in np.ndindex(y.shape):
        r, s = i * stride, j * stride
        y[n, f, i, j] = (x[n, :, r : r + KH, s : s + KW] * w[f]).sum() + b[f]
    return y


# %% parameter_counts
def parameter_counts():
    return {"one filter": 26, "layer": 64 * 26, "one by one": 128, "second layer": 320, "dense": 10250}
