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
    result = np.zeros(np.subtract(image.shape, kernel.shape) + 1)
    for i, j in np.ndindex(result.shape):
        result[i, j] = np.sum(image[i : i + kernel.shape[0], j : j + kernel.shape[1]] * kernel)
    return result


# %% convolve2d
def convolve2d(image, kernel):
    # I will come back to this one
    return cross_correlate2d(image, kernel[
