# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    if kernel_size > n + 2 * padding:
        raise ValueError(f"kernel {kernel_size} is larger than the padded input of {n + 2 * padding}")
    count = 0
    start = 0
    while start + kernel_size <= n + 2 * padding:
        count += 1
        start += stride
    return count


# %% zero_pad
def zero_pad(x, padding):
    N, C, H, W = x.shape
    result = np.zeros((N, C, H + 2 * padding, W + 2 * padding), dtype=x.dtype)
    result[:, :, padding : padding + H, padding : padding + W] = x
    return result


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    KH, KW = kernel.shape
    OH, OW = image.shape[0] - KH + 1, image.shape[1] - KW + 1
    result = np.zeros((OH, OW))
    for i in range(OH):
        for j in range(OW):
            for m in range(KH):
                for k in range(KW):
                    result[i, j] += image[i + m, j + k] * kernel[m, k]
    return result


# %% convolve2d
def convolve2d(image, kernel):
    KH, KW = kernel.shape
    turned = np.zeros(kernel.shape)
    for m in range(KH):
        for k in range(KW):
            turned[m, k] = kernel[KH - 1 - m, KW - 1 - k]
    return cross_correlate2d(image, turned)


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    N, C, H, W = x.shape
    F, C, KH, KW = w.shape
    OH = output_size(H, KH, stride, padding)
    OW = output_size(W, KW, stride, padding)
    padded = zero_pad(x, padding)
    y = np.zeros((N, F, OH, OW))
    for n in range(N):
        for f in range(F):
            for i in range(OH):
                for j in range(OW):
                    window = padded[n, :, i * stride : i * stride + KH, j * stride : j * stride + KW]
                    y[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return y


# %% parameter_counts
def parameter_counts():
    def layer(filters, depth, size):
        return filters * (depth * size * size + 1)

    return {
        "one filter": layer(1, 3, 5),
        "layer": layer(64, 3, 5),
        "one by one": layer(64, 256, 1),
        "second layer": layer(32, 16, 3),
        "dense": layer(10, 3, 32),
    }


# %% border_question
# Zeros are black, so the border looks like an edge and edge filters fire there. Mirroring the image avoids the
# jump but makes up content that the scene never had.
