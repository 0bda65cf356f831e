# %% max_pool2d
def max_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    OH = (H - kernel_size) // stride + 1
    OW = (W - kernel_size) // stride + 1
    y = np.zeros((N, C, OH, OW))
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    best = -np.inf
                    for di in range(kernel_size):
                        for dj in range(kernel_size):
                            value = x[n, c, i * stride + di, j * stride + dj]
                            if value > best:
                                best = value
                    y[n, c, i, j] = best
    return y


# %% avg_pool2d
def avg_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    OH = (H - kernel_size) // stride + 1
    OW = (W - kernel_size) // stride + 1
    y = np.zeros((N, C, OH, OW))
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    total = 0.0
                    for di in range(kernel_size):
                        for dj in range(kernel_size):
                            total += x[n, c, i * stride + di, j * stride + dj]
                    y[n, c, i, j] = total / (kernel_size * kernel_size)
    return y


# %% l2_pool2d
def l2_pool2d(x, kernel_size, stride):
    N, C, H, W = x.shape
    OH = (H - kernel_size) // stride + 1
    OW = (W - kernel_size) // stride + 1
    y = np.zeros((N, C, OH, OW))
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    total = 0.0
                    for di in range(kernel_size):
                        for dj in range(kernel_size):
                            value = float(x[n, c, i * stride + di, j * stride + dj])
                            total += value**2
                    y[n, c, i, j] = total**0.5
    return y


# %% maxout
def maxout(x, pieces):
    N, C, H, W = x.shape
    if C % pieces != 0:
        raise ValueError(f"cannot make groups of {pieces} from {C} channels")
    y = np.zeros((N, C // pieces, H, W))
    for n in range(N):
        for g in range(C // pieces):
            for i in range(H):
                for j in range(W):
                    y[n, g, i, j] = max(x[n, g * pieces + p, i, j] for p in range(pieces))
    return y


# %% global_avg_pool
def global_avg_pool(x):
    N, C, H, W = x.shape
    y = np.zeros((N, C))
    for n in range(N):
        for c in range(C):
            for i in range(H):
                for j in range(W):
                    y[n, c] += x[n, c, i, j]
    y /= H * W
    return y
