# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    positions = range(0, n + 2 * padding - kernel_size + 1, stride)
    if len(positions) == 0:
        raise ValueError("the kernel does not fit")
    return len(positions)


# %% zero_pad
def zero_pad(batch, p):
    return np.pad(batch, [(0, 0), (0, 0), (p, p), (p, p)], mode="constant", constant_values=0)


# %% cross_correlate2d
from numpy.lib.stride_tricks import sliding_window_view


def cross_correlate2d(image, kernel):
    return np.tensordot(sliding_window_view(image, kernel.shape), kernel, axes=2)


# %% convolve2d
def convolve2d(image, kernel):
    return cross_correlate2d(image, np.rot90(kernel, 2))


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    windows = sliding_window_view(zero_pad(x, padding), w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # (N, C, OH, OW, KH, KW)
    y = np.einsum("ncijkl,fckl->nfij", windows, w, optimize=True)
    return y + b.reshape(1, -1, 1, 1)


# %% parameter_counts
def parameter_counts():
    return {"one filter": 76, "layer": 4864, "one by one": 16448, "second layer": 4640, "dense": 30730}


# %% border_question
# The padding adds a frame of zeros that is not part of the picture; filters see a step there.
