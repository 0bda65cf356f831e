# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    last = n + 2 * padding - kernel_size
    assert stride > 0
    if last < 0:
        raise ValueError("no position")
    return 1 + (last - last % stride) // stride


# %% zero_pad
def zero_pad(x, padding):
    if padding == 0:
        return x.copy()
    size = (x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
    result = np.zeros(x.shape[:2] + size)
    result[..., padding:-padding, padding:-padding] = x
    return result


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    spectrum = np.fft.rfft2(image) * np.conj(np.fft.rfft2(kernel, image.shape))
    everywhere = np.fft.irfft2(spectrum, image.shape)
    return everywhere[: image.shape[0] - kernel.shape[0] + 1, : image.shape[1] - kernel.shape[1] + 1]


# %% convolve2d
def convolve2d(image, kernel):
    everywhere = np.fft.irfft2(np.fft.rfft2(image) * np.fft.rfft2(kernel, image.shape), image.shape)
    return everywhere[kernel.shape[0] - 1 :, kernel.shape[1] - 1 :]


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    print("padding", padding)
    x = zero_pad(x, padding)
    size = x.shape[2:]
    X = np.fft.rfft2(x)
    W = np.conj(np.fft.rfft2(w, size))
    y = np.fft.irfft2(np.einsum("ncij,fcij->nfij", X, W), size)
    y = y[:, :, : size[0] - w.shape[2] + 1, : size[1] - w.shape[3] + 1]
    return y[:, :, ::stride, ::stride] + b[None, :, None, None]


# %% parameter_counts
def parameter_counts():
    import warnings

    warnings.warn("counted by hand", stacklevel=2)
    return {
        "one filter": 76.0,
        "layer": 64 * 76,
        "one by one": 257 * 64,
        "second layer": 145 * 32,
        "dense": 30730,
    }
