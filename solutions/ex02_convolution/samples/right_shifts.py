# %% output_size
output_size = lambda n, k, s=1, p=0: _positions(n + 2 * p - k, s)


def _positions(room, stride):
    if room < 0:
        raise ValueError("the kernel is larger than the padded input")
    return int(np.floor(room / stride)) + 1


# %% zero_pad
class ZeroPad:
    def __call__(self, x, padding):
        N, C, H, W = x.shape
        left = np.eye(H, H + 2 * padding, padding)
        right = np.eye(W, W + 2 * padding, padding)
        return left.T @ x @ right


zero_pad = ZeroPad()


# %% cross_correlate2d
def cross_correlate2d(image, kernel):
    OH, OW = np.subtract(image.shape, kernel.shape) + 1
    return sum(kernel[m, k] * image[m : m + OH, k : k + OW] for m, k in np.ndindex(kernel.shape))


# %% convolve2d
import functools


def _slide(turn, image, kernel):
    return cross_correlate2d(image, kernel[::turn, ::turn])


convolve2d = functools.partial(_slide, -1)


# %% conv2d
def conv2d(x, w, b, stride=1, padding=0):
    x = zero_pad(x, padding)
    KH, KW = w.shape[2:]
    OH = output_size(x.shape[2], KH, stride)
    OW = output_size(x.shape[3], KW, stride)
    y = np.zeros((x.shape[0], w.shape[0], OH, OW))
    for m in range(KH):
        for k in range(KW):
            shifted = x[:, :, m : m + stride * OH : stride, k : k + stride * OW : stride]
            y += np.einsum("nchw,fc->nfhw", shifted[:, :, :OH, :OW], w[:, :, m, k])
    y += b[:, None, None]
    return y


# %% parameter_counts
def parameter_counts():
    shapes = {
        "one filter": (1, 3, 5, 5),
        "layer": (64, 3, 5, 5),
        "one by one": (64, 256, 1, 1),
        "second layer": (32, 16, 3, 3),
        "dense": (10, 3, 32, 32),
    }
    return {question: int(np.prod(shape)) + shape[0] for question, shape in shapes.items()}


# %% border_question
# Zeros are not what the camera would have seen: the frame looks like the edge of an object.
