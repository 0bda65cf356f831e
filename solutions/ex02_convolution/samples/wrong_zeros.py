# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    return 0


# %% zero_pad
def zero_pad(x, padding):
    return np.zeros((x.shape[0], x.shape[1], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding))


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    return np.zeros((image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1))


# %% convolve2d
def convolve2d(image, kernel):
    return cross_correlate2d(image, kernel)


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    OH = (x.shape[2] + 2 * padding - w.shape[2]) // stride + 1
    OW = (x.shape[3] + 2 * padding - w.shape[3]) // stride + 1
    return np.zeros((x.shape[0], w.shape[0], OH, OW))


# %% parameter_counts
def parameter_counts():
    return {"one filter": 0, "layer": 0, "one by one": 0, "second layer": 0, "dense": 0}
