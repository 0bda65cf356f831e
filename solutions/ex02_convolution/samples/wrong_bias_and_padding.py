# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    if n + padding < kernel_size:
        raise ValueError
    return (n + padding - kernel_size) // stride + 1


# %% zero_pad
def zero_pad(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (0, padding), (0, padding)))


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijmn,mn->ij", windows, kernel) / kernel.size


# %% convolve2d
def convolve2d(image, kernel):
    return kernel.size * cross_correlate2d(image, kernel[::-1, :])


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncijkl,fckl->nfij", windows, w)


# %% parameter_counts
def parameter_counts():
    return {"one filter": 76, "layer": 4801, "one by one": 16385, "second layer": 4609, "dense": 30721}
