# %% output_size
import math


def output_size(n, kernel_size, stride=1, padding=0):
    exact = (n + 2 * padding - kernel_size) / stride
    if exact < 0:
        raise ValueError(f"{kernel_size=} does not fit {n=} with {padding=}")
    return math.floor(exact) + 1


# %% zero_pad
def zero_pad(x, padding):
    N, C, H, W = x.shape
    rows = np.zeros((N, C, padding, W), x.dtype)
    x = np.concatenate([rows, x, rows], axis=2)
    columns = np.zeros((N, C, H + 2 * padding, padding), x.dtype)
    return np.concatenate([columns, x, columns], axis=3)


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    KH, KW = kernel.shape
    OH, OW = image.shape[0] - KH + 1, image.shape[1] - KW + 1
    columns = [image[i : i + KH, j : j + KW].ravel() for i in range(OH) for j in range(OW)]
    return (np.array(columns) @ kernel.ravel()).reshape(OH, OW)


# %% convolve2d
def convolve2d(image, kernel):
    return np.flip(cross_correlate2d(np.flip(image), kernel))


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    N, C, H, W = x.shape
    F, _, KH, KW = w.shape
    OH, OW = output_size(H, KH, stride, padding), output_size(W, KW, stride, padding)
    x = zero_pad(x, padding)
    rows = stride * np.arange(OH)[:, None] + np.arange(KH)[None, :]
    cols = stride * np.arange(OW)[:, None] + np.arange(KW)[None, :]
    patches = x[:, :, rows[:, None, :, None], cols[None, :, None, :]]  # (N, C, OH, OW, KH, KW)
    matrix = patches.transpose(0, 2, 3, 1, 4, 5).reshape(N * OH * OW, C * KH * KW)
    y = matrix @ w.reshape(F, -1).T + b
    return y.reshape(N, OH, OW, F).transpose(0, 3, 1, 2)


# %% parameter_counts
def parameter_counts():
    return dict(
        [
            ("one filter", np.prod((3, 5, 5)) + 1),
            ("layer", 64 * (75 + 1)),
            ("one by one", 256 * 64 + 64),
            ("second layer", 16 * 32 * 9 + 32),
            ("dense", 3072 * 10 + 10),
        ]
    )
