# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    if kernel_size > n + 2 * padding:
        raise ValueError("the kernel does not fit")
    return (n + 2 * padding - kernel_size) // stride + 1


# %% zero_pad
def zero_pad(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    kernel = kernel[::-1, ::-1]
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return (windows * kernel).sum(axis=(2, 3))


# %% convolve2d
def convolve2d(image, kernel):
    return cross_correlate2d(image, kernel[::-1, ::-1])


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    padded = zero_pad(x, padding)
    OH = output_size(x.shape[2], w.shape[2], stride, padding)
    OW = output_size(x.shape[3], w.shape[3], stride, padding)
    y = np.zeros((len(x), len(w), OH, OW))
    for n in range(len(x)):
        for f in range(len(w)):
            for c in range(x.shape[1]):
                y[n, f] += cross_correlate2d(padded[n, c], w[f, c])[::stride, ::stride]
            y[n, f] += b[f]
    return y


# %% parameter_counts
def parameter_counts():
    return {"one filter": 75, "layer": 4800, "one by one": 16384, "second layer": 4608, "dense": 30720}
