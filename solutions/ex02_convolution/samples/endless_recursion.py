# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    return output_size(n, kernel_size, stride, padding)


# %% zero_pad
def zero_pad(x, padding):
    x += 1
    return np.pad(x - 1, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    print([[sum(image[i])] for i in range(len(image))])


# %% convolve2d
def convolve2d(image, kernel):
    import sys

    sys.exit("done")


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    return [[0.0]]
