# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. Deeper and smaller: ZFNet, VGG, Network in Network
#
# **When you have worked through this lecture, you can**
#
# - say what ZFNet changed in AlexNet, and show on a photograph what a stride of 4 does to fine patterns;
# - compare one large kernel with a stack of small ones: receptive field, weights, multiply-adds, memory;
# - read VGG's table, recompute its parameters column by column, and tell which layers hold them;
# - count the memory of a network in more than one way, and say which count answers which question;
# - show why a deep network does not start from any random weights, and what two remedies do;
# - write a 1×1 convolution as a small network at every pixel, and say what global average pooling replaces.
#
# **Time:** about 50 minutes to read and try. All cells together run in about 20 seconds.
#
# **Slides:** *Clarifai: ILSVRC 2013 winner*, *VGGNet: ILSVRC 2014 2nd place*, *Network in Network*.
#
# **You need:** lecture 3 (stride, padding, counting parameters), lecture 4 (pooling) and lecture 7 (AlexNet).
#
# AlexNet won in 2012 by a wide margin. What should one change next? Three answers came within two years: look
# inside and mend what you see (ZFNet), go deeper with small kernels (VGG), and spend the weights on small
# networks inside the layers (Network in Network). All of them can be judged by counting, so this lecture
# counts a lot.
#
# A **multiply-add** (MAC) is one multiplication whose product is added to a sum; convolutions and fully
# connected layers are made of them. The **activations** are the numbers that the layers put out. `zoo.count`
# finds both without computing anything: on PyTorch's device `meta` a network has shapes and no numbers.
#
# Keep an eye on three rows: ZFNet has hardly more parameters than AlexNet, VGG-D has twice as many and twenty
# times the multiply-adds, and Network in Network (`nin`) has an eighth of the parameters.

# %%
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from course_utils import figures, zoo
from course_utils.data import load
from course_utils.data.photographs import BLOCK, patch_places
from course_utils.training import Recipe, as_tensors, experiment, fit, random_flip
from course_utils.widgets import question
from course_utils.zoo import vgg
from course_utils.zoo.counting import STORED
from course_utils.zoo.parts import start

torch.set_num_threads(1)
torch.manual_seed(8)
photographs = load("photographs")
pictures = dict(zip(photographs.class_names, photographs.images / 255, strict=True))
train, test = (as_tensors(load("photo_patches", split), 127.5, 64.0) for split in ("train", "test"))

VGGS = ("vgg_a", "vgg_a_lrn", "vgg_b", "vgg_c", "vgg_d", "vgg_e")
with torch.device("meta"):
    nets = {name: zoo.build(name) for name in ("alexnet", "zfnet", *VGGS, "nin")}
counts = {name: zoo.count(net) for name, net in nets.items()}
print("net            image    parameters     multiply-adds   activations")
for name, c in counts.items():
    print(f"{name:10} {c.input_shape[1]:9} {c.parameters:13,} {c.macs:17,} {c.activations():13,}")

# %% [markdown]
# ## ZFNet beside AlexNet
#
# Matthew Zeiler and Rob Fergus projected the features of a trained AlexNet back to pixels (you will do that
# in lecture 12) and did not like what they saw in the first two layers. Their first filters knew very coarse
# and very fine patterns and little in between, and the second layer showed **aliasing**: patterns that are
# not in the image. So they made the first kernel smaller and its stride shorter. Everything after that is
# AlexNet in one tower. The net on the slide is named after them: ZFNet. (Clarifai is the company that Zeiler
# founded. Its winning entry was not described in detail; the slide shows ZFNet.)

# %%
figure, (axes,) = figures.panels(width=10, height=3.6)
zoo.draw(axes, counts["zfnet"], title="ZFNet: the first maps are twice as wide and high as AlexNet's")
words = [str(row.output_shape) for row in counts["zfnet"].layers if row.kind in STORED]
figures.show(figure, alt=f"Blocks from left to right: the image, (3, 224, 224), {', '.join(words)}.")

print("                          kernel  stride   output        parameters   multiply-adds")
for number in range(5):
    for name in ("alexnet", "zfnet"):
        row = [row for row in counts[name].layers if row.kind == "convolution"][number]
        layer, size = nets[name].get_submodule(row.name), "×".join(map(str, row.output_shape))
        print(f"convolution {number + 1}  {name:9} {layer.kernel_size[0]:5} {layer.stride[0]:7}", end="   ")
        print(f"{size:10} {row.parameters:12,} {row.macs:15,}")

# %% [markdown]
# In the table AlexNet's convolutions 2, 4 and 5 have about half of ZFNet's parameters and multiply-adds. That
# is the two towers of lecture 7: there, each filter sees half of the maps. Join the towers to see what
# ZFNet's own two changes come to.

# %%
with torch.device("meta"):
    joined = zoo.count(zoo.build("alexnet", groups=1))
ours, theirs = counts["zfnet"].layers[0], joined.layers[0]  # the first layers
fewer = joined.parameters - counts["zfnet"].parameters
print(f"AlexNet with its towers joined: {joined.parameters:,} parameters, {joined.macs:,} multiply-adds")
print(f"ZFNet has {fewer:,} fewer; in the first layer {theirs.parameters - ours.parameters:,} fewer")
print(f"multiply-adds, ZFNet : joined AlexNet = {counts['zfnet'].macs / joined.macs:.3f}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
weights, work = ours.parameters / theirs.parameters, ours.macs / theirs.macs
question(
    "ZFNet's first kernel is 7×7, AlexNet's 11×11. Which first layer multiplies more?",
    [
        ("AlexNet's: its kernel is larger", work < 1, "At one position, yes. But it has a quarter of them."),
        ("ZFNet's", work > 1, f"{weights:.2f} times the weights, used four times as often: {work:.2f}."),
        ("Both the same", work == 1, "Weights shrink from 121 to 49 a channel, positions grow from 1 to 4."),
        ("It cannot be said without the image", False, "Both images are known: 224 and 227 pixels."),
    ],
)

# %% [markdown]
# ### The sizes 110, 55, 26 and 13
#
# The slide's figure prints these sizes, with kernels and strides, and without padding or rounding. Do the
# numbers follow? Count positions of the window, as in lecture 3: once as the slide says, and once with one
# zero on each side of the image and with pools that **round up**, so that a last window may hang over the
# edge. Only the second way meets the slide: a detail that papers leave out and programs cannot.

# %%
printed, mended = [224], [224]
for kernel, stride, padding in ((7, 2, 1), (3, 2, 0), (5, 2, 0), (3, 2, 0), (3, 2, 0)):
    extra = stride - 1 if kernel == 3 else 0  # cells that a pool's last window may lack
    printed.append(len(range(0, printed[-1] - kernel + 1, stride)))
    mended.append(len(range(0, mended[-1] + 2 * padding + extra - kernel + 1, stride)))
maps = [
    row.output_shape for row in counts["zfnet"].layers if row.kind in STORED and len(row.output_shape) > 1
]
print("            image conv1 pool1 conv2 pool2 pool5")
print("as printed ", *(f"{size:5}" for size in printed))
print("mended     ", *(f"{size:5}" for size in mended))
print("slide         224   110    55    26    13     6")
print("zoo's ZFNet", *(f"{shape[1]:5}" for shape in (counts["zfnet"].input_shape, *maps[:4], maps[-1])))

# %% [markdown]
# ## What a stride of 4 misses
#
# A convolution with stride $S$ keeps every $S$-th output (lecture 3). Suppose that a filter answers to
# stripes, and its response goes up and down with a period of $p$ pixels. To see an up and a down in each
# period, you need at least two samples in it:
#
# $$p \ge 2S$$
#
# That is the sampling theorem. If $p$ is shorter, the samples still look like a wave, but like a longer one
# that was never there. They have taken another identity, an *alias*. With stride 4, everything finer than 8
# pixels is at risk. With stride 2, everything finer than 4.
#
# See it on a photograph. First layers that were trained contain filters for stripes (lecture 7). Here they
# are drawn by hand: a wave under a bell-shaped window. Their period is 5 pixels, and the pagoda has posts and
# railings of about that spacing.


# %%
def stripes(size, period):
    """Return a filter (size, size) that answers to upright stripes of a period in pixels."""
    across = np.arange(size) - (size - 1) / 2
    bell = np.exp(-(across**2) / (2 * (size / 5) ** 2))
    wave = np.outer(bell, bell * np.cos(2 * np.pi * across / period))
    return wave - wave.mean()


def respond(image, kernel):
    """Return the response of a picture (3, H, W), in grey, to a filter, without padding."""
    image, kernel = torch.tensor(image.mean(axis=0)), torch.tensor(kernel)
    return functional.conv2d(image[None, None], kernel[None, None])[0, 0].numpy()


response = respond(pictures["pagoda"], stripes(11, 5))
crop = response[60:156, 100:196]
maps = [pictures["pagoda"][:, 65:161, 105:201].mean(axis=0) - 0.5]
maps += [np.kron(crop[::S, ::S], np.ones((S, S))) / (4 * crop.std()) for S in (1, 2, 4)]
figure, (axes,) = figures.panels(width=10, height=2.9)
title = "Stride 4 turns fine stripes into coarse blobs that are not in the photograph"
labels = ["photograph", "response, stride 1", "stride 2", "stride 4"]
figures.feature_maps(axes, np.stack(maps), title=title, labels=labels, unit="relative response")
words = "Stride 1: fine upright stripes. Stride 2: still countable. Stride 4: wide blocks, no clear period."
figures.show(figure, alt=f"A pagoda with rows of posts, and its response to a filter for stripes. {words}")

# %% [markdown]
# How wide do the false stripes become? Samples at distance $S$ cannot tell a frequency $1/p$ from
# $1/p - 1/S$. So stripes of period $p$, seen with stride 4, turn into stripes of period $1 / |1/p - 1/4|$.
# Measure it on the row of posts in the lower half: the Fourier transform splits each row of pixels into waves
# of all periods, and the strongest one is printed for each stride.


# %%
def strongest_period(rows, stride):
    """Return the period, in pixels of the image, that carries most power along the rows (H, W)."""
    power = (np.abs(np.fft.rfft(rows, axis=1)) ** 2).mean(axis=0)
    return stride / np.fft.rfftfreq(rows.shape[1])[1:][power[1:].argmax()]


posts = crop[45:75] - crop[45:75].mean()
period = strongest_period(posts, 1)
for S in (1, 2, 4):
    expected = period if period >= 2 * S else 1 / abs(1 / period - 1 / S)
    found = strongest_period(posts[::S, ::S], S)
    print(f"stride {S}: strongest period {found:4.1f} pixels, expected {expected:4.1f}")

# %% [markdown]
# How much of a layer's response is at risk? Give the filter other periods, and add up the power of all waves
# that are too fine for the stride, along rows or columns. (For waves a filter is a multiplication: each wave
# of the image comes out larger or smaller.) Take all seven photographs.


# %%
periods = np.array([3, 4, 5, 6, 7, 8, 10, 12, 14, 16])
spectra = np.fft.fft2(np.stack([picture.mean(axis=0) for picture in pictures.values()]))
down, across = (np.abs(np.fft.fftfreq(n)) for n in spectra.shape[1:])
finest = np.maximum(down[:, np.newaxis], across)  # of each wave, along rows or columns, in 1/pixel
shares = []
for p in periods:
    power = np.abs(spectra * np.fft.fft2(stripes(11, p), spectra.shape[1:])) ** 2
    beyond = [power[:, finest > 1 / (2 * S)].sum(axis=1) for S in (2, 4)]
    shares.append(100 * np.array(beyond) / power.sum(axis=(1, 2)))
middle, spread = np.mean(shares, axis=2).T, np.std(shares, axis=2).T
two, four = middle[:, periods == 6][:, 0]
figure, (axes,) = figures.panels(width=9, height=3.4)
runs = {f"stride {S}": (middle[k], spread[k]) for k, S in enumerate((2, 4))}
title = f"Filters for stripes of 6 pixels: {four:.0f} % is too fine for stride 4, {two:.0f} % for stride 2"
xlabel, ylabel = "period that the 11×11 filter answers to (pixels)", "power too fine for the stride (%)"
ylabel = f"{ylabel}\nmean of 7 photographs ± spread"
figures.bands(axes, periods, runs, title=title, xlabel=xlabel, ylabel=ylabel)
words = f"At 8 pixels stride 2 is at {middle[0, 5]:.1f} %, stride 4 at {middle[1, 5]:.0f} %."
figures.show(figure, alt=f"Two curves that fall with the period. {words}")

# %% [markdown]
# With stride 4, filters for the middle range of periods give mostly false patterns, and training has little
# use for them. That fits what Zeiler and Fergus saw: coarse filters, very fine ones (used as detectors of
# texture, wherever it is), and little in between. Stride 2 moves the limit to half the period. The price is
# in the table above: four times as many positions.
#
# One honest word: aliasing is not always harmful. ReLU and max pooling follow at once, and deep networks with
# strides work. The measurement says what is lost, and not what that costs in accuracy.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
seen = {S: 2 * S <= 3 for S in (1, 2, 4)}
question(
    "A fabric has threads 3 pixels apart. Which stride of the first layer keeps its period?",
    [
        ("1 only", seen[1] and not seen[2], "Period 3 is at least 2·1, and less than 2·2."),
        ("1 and 2", seen[2] and not seen[4], "Stride 2 needs 4 pixels. It would show a period of 6."),
        ("1, 2 and 4", seen[4], "Stride 4 needs a period of 8 pixels."),
        ("None", not seen[1], "With stride 1 there are three samples in each period."),
    ],
)

# %% [markdown]
# ## One 7×7 or three 3×3
#
# VGG went one step further: no kernel larger than 3×3 anywhere. How can small kernels see anything large? In
# a stack. An output of a 3×3 layer sees 3 pixels across. An output of a second one sees three of those, which
# reach one pixel further on each side. The **receptive field** of an output is all the pixels it depends on.
#
# Do not believe the drawing on a slide: ask the gradient. Set all weights to 1 and send 1 back from the
# middle output. Every pixel gets a number, and that number counts the **paths** from the pixel to the output.

# %%
paths = {}
for K, depth in ((7, 1), (3, 3)):
    x = image = torch.zeros(1, 1, 9, 9, dtype=torch.float64, requires_grad=True)
    for _ in range(depth):
        x = functional.conv2d(x, torch.ones(1, 1, K, K).double(), padding=K // 2)
    x[0, 0, 4, 4].backward()
    paths[K] = image.grad[0, 0].numpy()
    sees = (paths[K] > 0).any(axis=0).sum()
    print(f"{depth} layer(s) of {K}×{K}: the middle output sees {sees}×{sees} pixels")

figure, (left, right) = figures.panels(1, 2, width=9.5, height=4.2)
most = int(paths[3].max())
figures.number_grid(left, paths[7], title="One 7×7: one path from each pixel")
figures.number_grid(right, paths[3], title=f"Three 3×3: from a corner 1 path, from the middle {most}")
words = f"Right they grow like a bell from 1 in the corners to {most} in the middle."
figures.show(figure, alt=f"Two 9 by 9 grids, numbers in the inner 7 by 7 cells. Left all are 1. {words}")

# %% [markdown]
# Both see 7×7 pixels. But they do not look in the same way: the stack listens to the middle of its window
# more than to the rim. A 7×7 kernel can do whatever the stack without ReLU does, and much else. So the stack
# is a *restriction*, to kernels that can be composed of small ones, and between the layers it has two more
# non-linearities, which the single layer has not.
#
# Now the costs. $C$ maps come in, $C$ maps go out, and biases are left out as on the slide:
#
# $$7 \cdot 7 \cdot C \cdot C = 49\,C^2 \quad\text{against}\quad 3 \cdot 3 \cdot 3 \cdot C \cdot C = 27\,C^2$$

# %%
C, side, costs = 64, 56, {}
print(f"{C} maps of {side}×{side}   sees     weights  C² times   multiply-adds   values put out")
for K, depth in ((7, 1), (3, 3), (5, 1), (3, 2)):
    with torch.device("meta"):
        stack = nn.Sequential(*(nn.Conv2d(C, C, K, padding=K // 2, bias=False) for _ in range(depth)))
    c = costs[K, depth] = zoo.count(stack, (C, side, side))
    sees, values = c.layers[-1].receptive_field, sum(row.values for row in c.layers)
    print(f"{depth} of {K}×{K}             {sees[0]}×{sees[1]} {c.parameters:11,} ", end="")
    print(f"{c.parameters / C**2:9.0f} {c.macs:15,} {values:16,}")
one, three = costs[7, 1], costs[3, 3]
more = one.parameters / three.parameters - 1, one.macs / three.macs - 1
print("the 7×7 has {:.0%} more weights and {:.0%} more multiply-adds".format(*more))

# %% [markdown]
# Weights and multiply-adds fall by the same factor, because each weight is used once at every position in
# either case. The slide does not mention the last column: three layers put out **three** sets of maps, and
# training has to keep them all. Small kernels save weights and work, and pay with memory.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
enough = {}
for n in (3, 4, 5, 6):
    stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, device="meta") for _ in range(n)))
    enough[n] = zoo.count(stack, (1, 32, 32)).layers[-1].receptive_field == (11, 11)
question(
    "How many 3×3 layers (stride 1) see as far as AlexNet's 11×11 kernel?",
    [
        ("3", enough[3], "Three see 7×7: each layer after the first adds one pixel on each side."),
        ("4", enough[4], "Four see 9×9."),
        ("5", enough[5], "$3 + 4 \\cdot 2 = 11$. Their weights: $45\\,C^2$ in place of $121\\,C^2$."),
        ("6", enough[6], "Six see 13×13."),
    ],
)

# %% [markdown]
# ### Trained side by side
#
# Fewer weights, but do they do the same job? Train both on `photo_patches`: colour patches of 32×32 pixels
# from seven photographs; the network says which photograph. Two blocks of equal receptive field stand between
# three pools. Only the blocks differ: one 7×7 layer, three 3×3 layers with ReLU between, and as a control
# three 3×3 layers *without* ReLU between them, which can do no more than some 7×7 kernels.
#
# Each net is trained with two **learning rates**. The best rate depends on the net, so a comparison at a
# single rate may say more about the rate. (A trial at 0.01 was dropped: some of the stacks did not learn at
# it, and the control's loss became infinite.)
#
# The cell replays a **record**: the results of trainings that were run before, three times each, with
# different random numbers (seeds). It also says how you can run them again.

# %%
EPOCHS, C = 8, 16
settings = {"epochs": EPOCHS, "maps": C, "batch": 64, "flips": True}
KINDS = ("one 7×7", "three 3×3", "three 3×3 without ReLU")
VARIANTS = [f"{kind}, rate {rate}" for rate in (0.0025, 0.005) for kind in KINDS]


def block(kind):
    """Return layers that see 7×7, and end in ReLU."""
    if kind == "one 7×7":
        return [nn.Conv2d(C, C, 7, padding=3), nn.ReLU()]
    between = nn.Identity if "without" in kind else nn.ReLU
    first, second, third = (nn.Conv2d(C, C, 3, padding=1) for _ in range(3))
    return [first, between(), second, between(), third, nn.ReLU()]


def train_net(net, seed, rate, epochs, warm_up=1.0, report=lambda epoch: None):
    """Train on the patches; return loss and accuracies (%) after each epoch, and the number of weights."""
    recipe = Recipe(epochs, learning_rate=rate, warm_up=warm_up, augment=random_flip)
    history = fit(net, train, test, recipe, seed=seed, report=report)
    return {
        "loss": [epoch.loss for epoch in history],
        "train": [100 * epoch.train_accuracy for epoch in history],
        "test": [100 * epoch.test_accuracy for epoch in history],
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
    }


def run(variant, seed):
    """Train a net with two blocks of one kind."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    kind, rate = variant.split(", rate ")
    begin = [nn.Conv2d(3, C, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    middle = [*block(kind), nn.MaxPool2d(2), *block(kind), nn.MaxPool2d(2)]
    net = nn.Sequential(*begin, *middle, nn.Flatten(), nn.Linear(C * 4 * 4, 7))
    start(net)  # He's start, see below
    return train_net(net, seed, float(rate), EPOCHS, warm_up=2.0)


kernels = experiment("08_one_large_three_small", run, VARIANTS, settings=settings)
kernels


# %%
def ends(record, variant, what="test"):
    """Return mean and half of the 95 % interval over the seeds, after the last epoch."""
    return record.mean(variant, what)[-1], record.interval(variant, what)[-1]


def accuracies(record):
    """Print parameters and accuracies of every variant."""
    print(f"{'':35} parameters      train       test (%, mean ± 95 % interval of 3 seeds)")
    for name in record.runs:
        (seen, a), (new, b) = ends(record, name, "train"), ends(record, name)
        size = record.mean(name, "parameters")
        print(f"{name:35} {size:10,.0f}   {seen:5.1f} ± {a:4.1f}  {new:5.1f} ± {b:4.1f}")


def compare(record, one, other):
    """Print the difference of two test accuracies, and by how many points their intervals overlap."""
    (a, half_a), (b, half_b) = ends(record, one), ends(record, other)
    common = half_a + half_b - abs(a - b)
    words = f"overlap by {common:.1f}" if common > 0 else f"are {-common:.1f} apart"
    print(f"{one} minus {other}: {a - b:+.1f} points; the intervals {words}")


def curves(axes, record, names, title, what="test", ylabel="test accuracy (%)", top=100.0):
    """Draw a result after each epoch for some variants."""
    runs = {name: (record.mean(name, what), record.interval(name, what)) for name in names}
    epochs, ylabel = np.arange(1, len(runs[names[0]][0]) + 1), f"{ylabel}\nmean, 95 % interval of 3 seeds"
    figures.bands(axes, epochs, runs, title=title, xlabel="epoch", ylabel=ylabel)
    axes.set_ylim(0, top)


accuracies(kernels)
for one, other in ((1, 0), (2, 1), (4, 3), (5, 4)):
    compare(kernels, VARIANTS[one], VARIANTS[other])
figure, panels = figures.panels(1, 2, width=10, height=3.6)
for axes, chosen in zip(panels, (VARIANTS[:3], VARIANTS[3:]), strict=True):
    final = ", ".join(f"{ends(kernels, name)[0]:.0f}" for name in chosen)
    curves(axes, kernels, chosen, f"Rate {chosen[0].split()[-1]}: {final} % at the end")
words = "; ".join(f"{name}: {ends(kernels, name)[0]:.0f} %" for name in VARIANTS)
figures.show(figure, alt=f"Test accuracy over epochs, left rate 0.0025, right 0.005. At the end {words}.")

# %% [markdown]
# Read the intervals before the means: with three seeds and so few images they are wide. At both rates, three
# 3×3 layers end where one 7×7 ends, with three fifths of the parameters, and the intervals overlap by far. So
# they do the same job with fewer weights. They do not do it *better* here, and a small difference would not
# show.
#
# The control warns you twice. At the lower rate it is as good as the stack with ReLU, so on this task the
# additional non-linearities bring nothing that could be seen. At the higher rate its interval is wider than
# the whole scale: one of the three runs went off the rails. Deeper blocks are harder to train, and a section
# below says why.
#
# At ImageNet's size it is another matter. The paper reports a check of this kind: in net B each pair of 3×3
# layers was replaced by one 5×5 layer, which has the same receptive field. The top-1 error was 7 points
# higher.

# %% [markdown]
# ## VGG, column by column
#
# Karen Simonyan and Andrew Zisserman of Oxford's Visual Geometry Group kept everything else fixed, and varied
# the depth. Each **column** of their table is a network. It has five **stages**; in a stage, all maps have
# one size; between stages a 2×2 pool halves it, and the number of maps doubles up to 512. The entries say
# kernel and maps: `conv3-64` is a 3×3 convolution with 64 maps. The table below is printed from the data that
# `course_utils/zoo/vgg.py` builds its networks from.

# %%
columns = {"A": vgg.A, "A-LRN": vgg.A, "B": vgg.B, "C": vgg.C, "D": vgg.D, "E": vgg.E}
print("  ".join(f"{name:9}" for name in columns))
for stage in range(5):
    entries = [[f"conv{K}-{maps}" for K, maps in column[stage]] for column in columns.values()]
    entries[1] += ["LRN"] * (stage == 0)
    for line in range(len(entries[-1])):
        print("  ".join(f"{column[line] if line < len(column) else '':9}" for column in entries))
    print(f"{' maxpool ':-^64}")
print("FC-4096, FC-4096, FC-1000 and softmax in every column")

# %% [markdown]
# Read it from left to right. **A-LRN** is A with a local response normalisation (lecture 7). **B** gets a
# second layer in the first two stages. **C** gets a third layer in the last three stages, but a 1×1 layer,
# which adds a non-linearity and sees no further. **D** makes these layers 3×3. **E** adds a fourth.
#
# Now the slide's second table, the parameters in millions. It prints A and A-LRN as one column, and this is
# right: normalisation has no weights. Other counts do tell the two apart.

# %%
slide = dict(zip(VGGS, (133, 133, 133, 134, 138, 144), strict=True))
print("           layers   parameters   slide, M             multiply-adds  activations  LRN's output   sees")
for name in VGGS:
    c = counts[name]
    layers = sum(row.kind in ("convolution", "fully connected") for row in c.layers)
    sees = max(row.receptive_field for row in c.layers if row.receptive_field)
    lrn = sum(row.values for row in c.layers if row.kind == "local response norm")
    verdict = "agrees" if round(c.parameters / 1e6) == slide[name] else "DIFFERS"
    print(f"{name:10} {layers:6} {c.parameters:12,} {slide[name]:5}, {verdict}", end="")
    print(f" {c.macs:20,} {c.activations():12,} {lrn:13,}   {sees[0]}×{sees[1]}")

# %% [markdown]
# All six agree. Note how little the depth costs in *parameters*: A to E adds eight layers and a twelfth of
# the weights. The work more than doubles. And look at B and C, and at C and D, in the last column: a 1×1
# layer does not widen the receptive field, a 3×3 layer in the last stages does by a lot, since one step there
# is many pixels of the image.
#
# Here is D, layer by layer. Find the row with most parameters, and the rows with most activations.

# %%
d = counts["vgg_d"]
zoo.table(d)

# %%
figure, (axes,) = figures.panels(width=10, height=3.4)
zoo.draw(axes, d, title="VGG-D: from few large maps to many small ones, and three vectors")
words = "64 maps of 224×224, 128 of 112×112, 256 of 56×56, 512 of 28×28 and of 14×14, three vectors."
figures.show(figure, alt=f"A long row of blocks, two or three of each size, with pools between: {words}")

# %% [markdown]
# ### What depth bought
#
# These networks are out of reach for a laptop: one pass over ImageNet's 1.28 million images with D takes
# about $6 \cdot 10^{16}$ multiply-adds, and the training had 74. So here is what the paper measured, as data:
# the top-5 error on the validation images, trained and tested at one size.

# %%
print(f"forward and backward, about three times the multiply-adds: {3 * d.macs * 1.28e6:.0e} for each pass")
paper = {"A": 10.4, "A-LRN": 10.5, "B": 9.9, "C": 9.4, "D": 8.8, "E": 9.0}  # the paper's table 3
figure, (axes,) = figures.panels(width=8, height=3)
title = "The paper's errors fall with depth up to D; E is no better at one size"
figures.bars(
    axes, list(paper), {"": list(paper.values())}, title=title, ylabel="top-5 error (%)", form="{:.1f}"
)
figures.show(figure, alt="Top-5 errors: " + ", ".join(f"{name} {error} %" for name, error in paper.items()))

# %% [markdown]
# Three comparisons are worth remembering. A-LRN against A: the normalisation brought nothing, and the deeper
# columns do without. C against B: one more non-linearity helps, even in 1×1 layers. D against C: with as many
# layers, seeing more helps further. There is one value a bar and no interval, and the last step from D to E
# points the other way: with images of several sizes the paper has E ahead, by 0.1.

# %% [markdown]
# ## Where the memory is
#
# The slide says that VGG-D takes "24 million × 4 bytes", 93 MB for each image, twice that for the backward
# pass, and that early layers take the memory while most parameters are in the fully connected layers. Begin
# with the last statement, stage by stage.

# %%
stages = ["input", *(f"stage {number}" for number in range(1, 6)), "FC 1", "FC 2", "FC 3"]
table, place = np.zeros((3, len(stages))), 1
table[0, 0] = np.prod(d.input_shape)
for row in d.layers:
    if row.kind in STORED:
        table[:, place] += row.values, row.macs, row.parameters
        place += row.kind in ("max pool", "fully connected")
values, macs, weights = 100 * table / table.sum(axis=1, keepdims=True)
print("                 share of activations   share of parameters")
for which, rows in {"stages 1 and 2": slice(1, 3), "fully connected": slice(6, 9), "FC 1 alone": [6]}.items():
    print(f"{which:15} {values[rows].sum():20.2f} % {weights[rows].sum():20.2f} %")
figure, (axes,) = figures.panels(width=9, height=5.4)
amounts = dict(zip(("activations", "multiply-adds", "parameters"), table, strict=True))
title = "Two stages have {:.0f} % of the activations, FC 1 has {:.0f} % of the parameters"
title = title.format(values[1:3].sum(), weights[6])
figures.costs(axes, stages, amounts, title=title)
words = "Multiply-adds are spread over stages 1 to 5, parameters are largest by far in FC 1."
figures.show(figure, alt=f"Three bars for each stage. Activations are largest in stage 1 and fall. {words}")

# %% [markdown]
# Both statements hold. They have one cause: a convolution's weights do not grow with the image, its output
# does. The work is in neither place: most of it is in the middle, in stages 3 and 4.

# %% [markdown]
# ### 15, 24 or 29 million
#
# Now count the activations. It can be done in two honest ways: the output of each convolution, pool and fully
# connected layer once, as if ReLU worked in place; or the output of ReLU as an array of its own as well. And
# "MB" has two meanings: $10^6$ bytes is a **megabyte** (MB), $2^{20}$ bytes is a **mebibyte** (MiB), 5 %
# more.

# %%
once, apart = d.activations(), d.activations([*STORED, "ReLU"])
ways = {"each layer once": once, "ReLU stored apart": apart, "slide: 24 million": 24e6}
ways |= {"slide: 93, if MB": 93e6 / 4, "slide: 93, if MiB": 93 * 2**20 / 4}
for name, number in ways.items():
    size = f"{4 * number / 1e6:6.1f} MB = {4 * number / 2**20:6.1f} MiB"
    print(f"{name:18} {number:12,.0f} values × 4 bytes = {size}")

# %% [markdown]
# The slide's numbers are neither. (They are taken from well-known course notes, whose own list of layers adds
# up to the first line; readers have asked about it since 2016.) What does a program really keep? Ask it.
# PyTorch tells which tensors the forward pass puts aside for the backward pass. Shapes are enough, so this
# again runs without any numbers.

# %%
kept, alive = {}, []  # tensors are told apart by where they are stored, so none may die meanwhile
parameters = {id(parameter) for parameter in nets["vgg_d"].parameters()}


def note(tensor):
    """Note a tensor that the backward pass will need, once, unless it is a parameter or a view of one."""
    alive.append(tensor)
    if id(tensor if tensor._base is None else tensor._base) not in parameters:
        kept[tensor.untyped_storage()._cdata] = tensor
    return tensor


with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
    nets["vgg_d"](torch.empty(1, *d.input_shape, device="meta"))
floats = sum(tensor.nbytes for tensor in kept.values() if tensor.is_floating_point())
places = sum(tensor.nbytes for tensor in kept.values() if not tensor.is_floating_point())
print(f"kept: {floats / 4:,.0f} values, {floats / 1e6:.1f} MB; each layer once is {once:,}")
print(f"and where each maximum was: {places / 8:,.0f} whole numbers of 8 bytes, {places / 1e6:.1f} MB")

# %% [markdown]
# So the first count is the one that a training program lives by. ReLU's output is kept, since the next layer
# needs it; the convolution's output below it is thrown away. What comes on top is small: dropout's masks, and
# for each max pool the places of the winners (lecture 5).

# %% [markdown]
# ### What the backward pass adds
#
# "The memory is doubled" assumes one gradient for each activation, all at once. But a gradient is needed only
# until the layer below has its own. At any time two neighbouring layers' worth is enough. For the same reason
# a network that only answers, without learning, need not keep anything but two neighbours. On the other hand
# the slide forgets the parameters. In training each has a gradient, and with momentum (lecture 7) a velocity.

# %%
MB = 4 / 1e6  # of one value in float32
outputs = [np.prod(d.input_shape), *(row.values for row in d.layers if row.kind in STORED)]
pair = max(below + above for below, above in pairwise(outputs))
print(
    f"answering: parameters {d.parameters * MB:.0f} MB, two neighbouring layers {pair * MB:.1f} MB an image"
)
print("training, MB:  batch   parameters, gradients, velocities   kept for backward   gradients under way")
fixed, grows = 3 * d.parameters * MB, (floats + places) / 1e6
for batch in (1, 32, 256):
    print(f"{batch:20} {fixed:35,.0f} {batch * grows:19,.0f} {batch * pair * MB:21,.0f}")
print(f"the rule of the slide, parameters too: {d.memory(256, backward=True) / 1e6:,.0f} MB for 256 images")
print(f"images take more than parameters from a batch of {int(fixed / (grows + pair * MB)) + 1} on")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
with torch.device("meta"):
    half = zoo.count(zoo.build("vgg_d", image_size=112))
values, weights = once / half.activations(), d.parameters / half.parameters
why = f"A quarter of the pixels. Parameters: {weights:.1f} times fewer, since FC 1 loses most of its inputs."
question(
    "You train D on images of 112×112 in place of 224×224. What becomes about four times smaller?",
    [
        ("The activations only", values > 3.9 > weights, why),
        ("The parameters only", values < 3.9 < weights, "A convolution's weights ignore the image's size."),
        ("Both", min(values, weights) > 3.9, "All layers but FC 1 keep their number of weights."),
        ("Neither", max(values, weights) < 3.9, "Every map has a quarter of its pixels left."),
    ],
)

# %% [markdown]
# ## What depth costs at the start
#
# The slide says that the sequence was "trained progressively": first A, then deeper ones that begin with A's
# layers. Why the detour? Because D did not start. Look at what a fresh network does to its input.
#
# A layer adds up $n = C \cdot K \cdot K$ products (its **fan-in**). If the inputs have mean square $q$ and
# the weights are random with variance $\sigma^2$, each output has variance $n\,\sigma^2 q$. ReLU then halves
# the mean square. So each layer multiplies the signal's size by
#
# $$g = \sqrt{n\,\sigma^2 / 2}$$
#
# and $L$ layers multiply it by the product of all these. AlexNet took $\sigma = 0.01$ everywhere. The VGG
# paper says "$10^{-2}$ variance", which is $\sigma = 0.1$. In 2015 Kaiming **He** and colleagues asked for
# $g = 1$: $\sigma^2 = 2/n$, a different $\sigma$ for each layer. The zoo's networks start like this. Measure
# all three on D's own 13 convolutions at full width, on patches of 32×32 pixels, and the gradients too.

# %%
deep = zoo.build("vgg_d", num_classes=7, image_size=32, hidden=512).eval()
weighted = [layer for layer in deep.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
fan_in = np.array([layer.weight[0].numel() for layer in weighted])
draws = [layer.weight.detach() / layer.weight.std() for layer in weighted]  # of variance 1
starts = {"σ = 0.1": 0.1 + 0 * fan_in, "He: σ² = 2/n": (2 / fan_in) ** 0.5, "σ = 0.01": 0.01 + 0 * fan_in}
signal, gradient = {}, {}
for name, sigmas in starts.items():
    for layer, draw, sigma in zip(weighted, draws, sigmas, strict=True):
        layer.weight.data = draw * sigma
    x, signal[name] = train[0][:4], []
    for layer in [*deep.features, *deep.classifier]:
        x = layer(x)
        if layer in weighted:
            signal[name].append(x.std().item())
    loss = functional.cross_entropy(x, train[1][:4])
    slopes = torch.autograd.grad(loss, [layer.weight for layer in weighted])
    gradient[name] = [slope.std().item() for slope in slopes]
    first, last = signal[name][0], signal[name][12]
    print(f"{name:13} output of layer 1: {first:.1e}, of layer 13: {last:.1e}; loss {loss.item():.3g}")
small = np.array(signal["σ = 0.01"])
print("σ = 0.01, factors of layers 2 to 13, formula: ", *np.sqrt(fan_in[1:13] * 0.01**2 / 2).round(2))
print("σ = 0.01, factors of layers 2 to 13, measured:", *(small[1:13] / small[:12]).round(2))
figure, (left, right) = figures.panels(1, 2, width=10, height=3.6)
for axes, sizes, of in ((left, signal, "a layer's output"), (right, gradient, "a layer's gradient")):
    thirteen = {name: numbers[:13] for name, numbers in sizes.items()}
    labels = {"xlabel": "convolution, from the image on", "ylabel": f"size of {of} (log scale)"}
    figures.log_curves(axes, np.arange(1, 14), thirteen, title="", **labels)
    axes.set_xscale("linear")
left.set_title("The signal explodes, stays, or vanishes")
right.set_title("So does the gradient, in all layers alike")
right.get_legend().remove()
words = ", ".join(f"{name} {sizes[12]:.0e}" for name, sizes in signal.items())
figures.show(
    figure, alt=f"Over 13 layers the output ends at: {words}. Gradients: level, powers of ten apart."
)

# %% [markdown]
# The formula is close. (It is exact for wide layers without border; in the last stage, with maps of 2×2
# cells, most of each window is padding.) With $\sigma = 0.01$ the image has vanished after a few layers: the
# output is the same for all images, and gradients are so small that a step changes nothing. With
# $\sigma = 0.1$ the first step throws the weights anywhere. Eight layers forgive more than thirteen, since it
# is a product.
#
# Now train. D and A, an eighth as wide, on the patches. The $\sigma$ is chosen so that the signal shrinks per
# layer as it would at full width with $\sigma = 0.02$. (With 0.01, A stood still as well in a trial.) Three
# starts for D: as random as A; A's own trained layers where shapes agree, which are its first four
# convolutions and its three fully connected layers, and random ones elsewhere, as in the paper; and He's.

# %%
START_EPOCHS, NARROW = 6, 8
settings = {"epochs": START_EPOCHS, "narrower": NARROW, "sigma": 0.02, "rate": 0.01, "batch": 64}


def narrow(stages, sigma=None):
    """Return a VGG an eighth as wide for patches; Gaussian weights as at full width, or He's."""
    stages = [[(K, maps // NARROW) for K, maps in stage] for stage in stages]
    net = vgg.VGG(stages, 7, image_size=32, hidden=128)
    for layer in net.modules():
        if sigma and isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, std=sigma * NARROW**0.5)
    return net


def run_start(variant, seed):
    """Train D from one of three starts; where A comes first, keep its losses too."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net, before = narrow(vgg.D, None if variant == "He" else 0.02), {}
    if variant == "A first":
        a = narrow(vgg.A, 0.02)
        before["loss of A"] = train_net(a, seed, 0.01, START_EPOCHS)["loss"]
        convs = [[layer for layer in part.features if isinstance(layer, nn.Conv2d)] for part in (net, a)]
        for number, from_a in zip((0, 2, 4, 5), convs[1][:4], strict=True):
            convs[0][number].load_state_dict(from_a.state_dict())
        net.classifier.load_state_dict(a.classifier.state_dict())
    return before | train_net(net, seed, 0.01, START_EPOCHS)


STARTS = ["small Gaussian", "A first", "He"]
begun = experiment("08_start", run_start, STARTS, settings=settings)
begun

# %%
for name in STARTS:
    print(
        f"D, {name:15} loss {ends(begun, name, 'loss')[0]:.3f}, {ends(begun, name)[0]:.1f} % of test patches"
    )
print(f"A, small Gaussian  loss {ends(begun, 'A first', 'loss of A')[0]:.3f}")
figure, (left, right) = figures.panels(1, 2, width=10, height=3.6)
title = f"D: from a small Gaussian it stays at {ends(begun, STARTS[0], 'loss')[0]:.3f}, log 7"
curves(left, begun, STARTS, title, "loss", "training loss", top=2.5)
curves(
    right, begun, ["A first"], "A, from the same small Gaussian, moves", "loss of A", "training loss", top=2.5
)
words = "with A's layers and with He's start it falls. Right, A: level at first, then it falls."
figures.show(figure, alt=f"Training losses. Left, D: from small Gaussian weights a level line; {words}")

# %% [markdown]
# Same network, same data. From small random weights D does no better than guessing, in all three runs. A,
# from the same weights, hesitates and then moves. With A's layers D learns too, and with He's start it learns
# fastest. (Keep in mind that "A first" has had A's training in addition, and still is behind.) The authors
# note that after their submission they found a start that needs no A, one of Xavier Glorot and Yoshua
# Bengio's. Lecture 9 goes at the problem with batch normalisation, and lecture 10 asks what is left of it at
# 50 layers and more.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
gain = (9 * 512 * 0.02**2 / 2) ** 0.5
question(
    "A 3×3 layer on 512 maps has weights with σ = 0.02, and ReLU behind it. What does it do to the signal?",
    [
        (f"times {gain:.2f}", 0.9 < gain < 1.1, "$\\sqrt{9 \\cdot 512 \\cdot 0.0004 / 2}$: near He's rule."),
        (f"times {2**0.5 * gain:.2f}", gain > 1.1, "Without ReLU, yes. ReLU halves the mean square."),
        ("times 0.02", gain < 0.1, "The weights are that small, but 4,608 products are added."),
        ("It depends on the image's size", False, "Each output adds as many products on a larger map."),
    ],
)

# %% [markdown]
# ## A network at every pixel
#
# Now from deeper to smaller. A convolution followed by ReLU asks one question of each window: is this
# weighted sum large? The slide's figure (a) shows that. Min Lin, Qiang Chen and Shuicheng Yan thought one
# question too few, and put a small multilayer network there, the *network in network*: figure (b). It slides
# over the image as the kernel did, and answers once at each position. They call such a layer **mlpconv**.
#
# How do you slide a whole network? Its first layer looks at the window: that is an ordinary convolution. Its
# other layers look at the outputs of the first at *this one position*, and at nothing beside it: a
# convolution with a kernel of **1×1**. Check both readings on the pagoda in colour: all positions at once by
# convolutions, and pixel by pixel with fully connected layers.

# %%
picture = torch.tensor(pictures["pagoda"])
conv, second, third = (nn.Conv2d(*sizes).double() for sizes in ((3, 16, 5), (16, 12, 1), (12, 8, 1)))
with torch.no_grad():
    first = functional.relu(conv(picture[None]))
    maps = functional.relu(third(functional.relu(second(first))))

    # One position by hand: the window's 3·5·5 numbers are the input of a small network.
    i, j = 100, 200
    answer = picture[:, i : i + 5, j : j + 5].flatten()
    for layer in (conv, second, third):
        answer = functional.relu(layer.weight.flatten(1) @ answer + layer.bias)
    print("one position: largest difference", (answer - maps[0, :, i, j]).abs().max().item())

    # All pixels at once, as if they were a batch: torch's fully connected layer on the channels.
    pixels = first[0].flatten(1).T
    for layer in (second, third):
        pixels = functional.relu(functional.linear(pixels, layer.weight.flatten(1), layer.bias))
    print(f"all {len(pixels):,} pixels: largest", (pixels.T - maps[0].flatten(1)).abs().max().item())

# %% [markdown]
# They agree to rounding. A 1×1 convolution is a fully connected layer that works on channels, at each pixel
# separately. It mixes maps and never looks aside. (The pooling across channels of [lecture
# 4](04_pooling.ipynb#Maxout) is a relative.)
#
# What can such a network say that a weighted sum cannot? Take the smallest case, windows of one pixel. "Red
# and green *differ*" is $|R - G|$. No weighted sum of R, G and B is large both where red wins and where green
# wins. Two hidden units can do it: $|R-G| = \mathrm{ReLU}(R-G) + \mathrm{ReLU}(G-R)$. Compare it with the
# best weighted sum that exists, found by least squares on this very picture.

# %%
flower = torch.tensor(pictures["dahlia"])
target = (flower[0] - flower[1]).abs()
hidden = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]]).double()[:, :, None, None]
exact = functional.relu(functional.conv2d(flower[None], hidden)).sum(dim=1)  # the second layer: weights 1, 1
colours = torch.cat([flower.flatten(1), torch.ones(1, target.numel()).double()]).T
best = (colours @ torch.linalg.lstsq(colours, target.flatten()[:, None]).solution).reshape(target.shape)
explained = 1 - (best - target).var() / target.var()
print("two 1×1 layers with ReLU: largest error", (exact[0] - target).abs().max().item())
print(f"best weighted sum of R, G, B: explains {explained:.0%} of the variance")
figure, axes = figures.panels(1, 3, width=10, height=2.8)
figures.picture(axes[0], flower, title="The photograph")
figures.picture(axes[1], exact[0], title="1×1, ReLU, 1×1: |red − green|")
figures.picture(axes[2], best, title=f"Best single sum: {explained:.0%} explained")
words = "where red and green differ, exact; the best weighted sum of colours, wrong in places."
figures.show(figure, alt=f"A dahlia; {words}")

# %% [markdown]
# What do the 1×1 layers cost in the published ImageNet network? It takes AlexNet's first convolutions and
# puts two 1×1 layers behind each.

# %%
nin = {row.name: row for row in counts["nin"].layers if row.kind == "convolution"}
small = {name: row for name, row in nin.items() if nets["nin"].get_submodule(name).kernel_size == (1, 1)}
print(f"1×1 convolutions are {len(small)} of {len(nin)} layers, with", end=" ")
for what, words in (("parameters", "parameters, and"), ("macs", "multiply-adds")):
    part, whole = (sum(getattr(row, what) for row in rows.values()) for rows in (small, nin))
    print(f"{part:,} ({part / whole:.0%}) of the {words}", end=" ")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
many = nn.Conv2d(96, 256, 1, bias=False, device="meta").weight.numel()
question(
    "A 1×1 convolution turns 96 maps of 27×27 into 256. How many weights (no bias) has it?",
    [
        ("256", many == 256, "That would be one weight a map. Each filter is 96 deep."),
        ("24,576", many == 24_576, "$96 \\cdot 256$, as a fully connected layer from 96 to 256 units."),
        ("17,915,904", many == 17_915_904, "That counts each position: these are its multiply-adds."),
        ("221,184", many == 221_184, "That would be a 3×3 kernel."),
    ],
)

# %% [markdown]
# ## Global average pooling
#
# The second idea of the paper is what it removes. AlexNet turns its last maps into a long vector, and three
# fully connected layers follow. NIN's last mlpconv layer has **one map for each class**, and the mean of a
# class's map is the class's logit. That is **global average pooling**. It has no weights. Compare the heads,
# and see what AlexNet would have left with such a head.

# %%
left = {}
for name in ("alexnet", "vgg_d", "nin"):
    total = counts[name].parameters
    head = sum(row.parameters for row in counts[name].layers if row.kind == "fully connected")
    left[name] = total - head
    print(f"{name:8} fully connected: {head:11,} of {total:11,} parameters ({head / total:.1%})")
left = left["alexnet"] + sum(p.numel() for p in nn.Conv2d(256, 1000, 1, device="meta").parameters())
print(f"AlexNet with a 1×1 convolution to 1,000 maps and their averages: {left:,} parameters")
for size in (128, 224, 320):
    c = zoo.count(nets["nin"], (3, size, size))
    cells = c.layers[-2].values // 1000
    print(f"NIN on {size}×{size}: 1,000 maps of {cells} cells, {c.parameters:,} parameters")
try:
    zoo.count(nets["vgg_d"], (3, 320, 320))
except ValueError as error:
    print("VGG-D on 320×320:", str(error).split(":")[0])

# %% [markdown]
# So the same network takes images of any size that reaches the end (lecture 4). And the maps mean something:
# each cell says how much *this place* speaks for the class. Try it. Train a small network with such a head on
# patches of 32×32. Then show it a collage of 384×448 pixels: those blocks of the seven photographs that no
# training patch came from, a column for each photograph. The figure shows what it believes of three classes
# at each place, as probabilities: black is 0, white is 1.


# %%
def head_net(kind):
    """Return three convolutions and two pools, then one of three heads: (N, 3, H, W) -> (N, 7)."""
    a, b, c = (nn.Conv2d(*maps, 3, padding=1) for maps in ((3, 16), (16, 32), (32, 32)))
    trunk = [a, nn.ReLU(), nn.MaxPool2d(2), b, nn.ReLU(), nn.MaxPool2d(2), c, nn.ReLU()]
    drop = nn.Dropout(0.5) if "dropout" in kind else nn.Identity()
    head = [nn.Flatten(), drop, nn.Linear(32 * 8 * 8, 128), nn.ReLU(), drop, nn.Linear(128, 7)]
    if kind == "global average":
        head = [nn.Conv2d(32, 7, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    net = nn.Sequential(*trunk, *head)
    start(net)
    return net


torch.manual_seed(0)
net, words = head_net("global average"), "test patches named right"
train_net(net, 0, 0.01, 5, report=lambda e: print(f"epoch {e.number}: {e.test_accuracy:.1%} of {words}"))

blocks = np.unique([(k, y // BLOCK, x // BLOCK) for k, y, x in patch_places("test")], axis=0)
tiles = [photographs.images[k, :, BLOCK * i :, BLOCK * j :][:, :BLOCK, :BLOCK] for k, i, j in blocks]
tiles = np.array(tiles).reshape(7, 6, 3, BLOCK, BLOCK)  # photograph, block, channel, row, column
collage = tiles.transpose(2, 1, 3, 0, 4).reshape(3, 6 * BLOCK, 7 * BLOCK)
with torch.no_grad():
    maps = net[:-2]((torch.tensor(collage)[None].float() - 127.5) / 64)[0]
truth = torch.arange(7).repeat_interleave(BLOCK // 4)
print(f"collage {collage.shape}, class maps {tuple(maps.shape)}: a cell for each 4×4 pixels")
for cells in (1, 2, 4, 8, 16):
    right = functional.avg_pool2d(maps[None], cells)[0].argmax(0) == truth[::cells]
    print(f"mean over {cells:2}×{cells:<2} cells: {right.float().mean():.1%} of places named right")

# %%
believed = maps.softmax(dim=0)
figure, axes = figures.panels(1, 4, width=10.5, height=2.9)
figures.picture(axes[0], collage, title="Test blocks by photograph")
for panel, name in zip(axes[1:], ("cat", "retina", "dahlia"), strict=True):
    k = photographs.class_names.index(name)
    inside, outside = believed[k][:, truth == k].mean(), believed[k][:, truth != k].mean()
    figures.picture(panel, believed[k], title=f"{name}: {inside:.2f} in its\ncolumn, {outside:.2f} elsewhere")
    panel.set(xlabel="column (cells)", ylabel="")
words = "the probability of cat, retina and dahlia at each place: mostly white in the own column, else dark."
figures.show(figure, alt=f"Left, 42 blocks of photographs in seven columns. Right, {words}")

# %% [markdown]
# Nobody told the network *where* anything is. It was trained with one label a patch. The average over many
# places is right more often than a single place, as a vote is. Some mistakes explain themselves: find out
# what the astronaut's orange suit (third column) is taken for. (Lecture 12 looks into networks in other
# ways.)

# %% [markdown]
# ### Heads compared
#
# Does it cost accuracy to remove the fully connected layers? The same trunk with three heads: fully connected
# with 128 hidden units, the same with dropout (lecture 7), and a map for each class with its average.

# %%
HEAD_EPOCHS, HEADS = 10, ["fully connected", "fully connected, dropout", "global average"]
settings = {"epochs": HEAD_EPOCHS, "rate": 0.01, "batch": 64, "flips": True, "hidden": 128}


def run_head(variant, seed):
    """Train the three convolutions with one head."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return train_net(head_net(variant), seed, 0.01, HEAD_EPOCHS)


compared = experiment("08_head", run_head, HEADS, settings=settings)
compared

# %%
accuracies(compared)
for other in HEADS[:2]:
    compare(compared, HEADS[2], other)
fewer = compared.mean(HEADS[0], "parameters") / compared.mean(HEADS[2], "parameters")
figure, (axes,) = figures.panels(width=9, height=3.4)
curves(axes, compared, HEADS, f"A head without weights: {fewer:.0f} times fewer parameters in all")
words = "; ".join(f"{name} {ends(compared, name)[0]:.0f} %" for name in HEADS)
figures.show(figure, alt=f"Test accuracy over epochs for three heads, with bands. At the end: {words}.")

# %% [markdown]
# It costs nothing that these runs could show: the intervals overlap, and the smallest head has the highest
# mean. The paper calls global averaging a regulariser. Compare the columns of the table: without dropout the
# fully connected head has the largest gap between training and test patches.

# %% [markdown]
# ## 230 megabytes against 29
#
# The slide compares the two networks. Compute its sizes, in both meanings of "megabyte".

# %%
print("          parameters   slide    bytes in float32                slide      multiply-adds")
for name, said, megabytes in (("alexnet", "60 M", 230), ("nin", "7.5 M", 29)):
    c, size = counts[name], 4 * counts[name].parameters
    print(f"{name:8} {c.parameters:11,}   {said:6} {size / 1e6:7.1f} MB = {size / 2**20:6.1f} MiB ", end="")
    print(f"{megabytes:7} MB {c.macs:18,}")
a, n = counts["alexnet"], counts["nin"]
print(f"NIN : AlexNet   parameters {n.parameters / a.parameters:.3f}   multiply-adds {n.macs / a.macs:.2f}")

# %% [markdown]
# The slide's megabytes are mebibytes, and AlexNet's are rounded to tens. NIN's 7.5 million is cut off rather
# than rounded.
#
# The "Performance" column is an *error*: 40.7 % of the images have another first answer. NIN's is a little
# lower. But why would NIN train in half the time, if it multiplies more? Not because an image costs less. The
# settings that its authors published say 450,000 steps with 64 images each. AlexNet's paper says about 90
# passes over the training set.

# %%
for name, images in {"alexnet": 90 * 1.28e6, "nin": 450_000 * 64}.items():
    print(f"{name:8} {images / 1e6:6.1f} million images seen, {images / 1.28e6:5.1f} passes, ", end="")
    print(f"{3 * counts[name].macs * images:.1e} multiply-adds (forward, and twice as many backward)")

# %% [markdown]
# NIN saw a quarter as many images. Fewer parameters are not less work; it needed fewer passes.

# %% [markdown]
# ## Errata
#
# > **Where the slides need a correction or a word more.**
# >
# > 1. *Clarifai* prints maps of 110, 55, 26 and 13 with kernels and strides only. They need padding 1 in the
# >    first layer and pools that round up; see *The sizes 110, 55, 26 and 13*. The network is the one of the
# >    paper, ZFNet. How the company's entry (11.7 % top-5 error) differed from it was not published.
# > 2. *VGGNet*: "24 million × 4 bytes, 93 MB" follows from no count of VGG-D's layers, and 24 million values
# >    are not 93 MB; see *15, 24 or 29 million*. The cell below repeats the counts.
# > 3. *VGGNet*: "for backward the memory is doubled" is a rough upper bound for activations, and leaves out
# >    the parameters; see *What the backward pass adds*.
# > 4. *VGGNet*: "Best model: column D. Error 7.3 %." In the paper, 7.3 % on the test images is E's, and also
# >    that of the seven networks together that were entered. D and E are equal on the validation images with
# >    several sizes, 7.5 %, and E is 0.1 ahead with crops as well. A later slide of the same deck gives the
# >    7.3 % to a network of 19 layers: that is E.
# > 5. *VGGNet* counts $49C^2$ against $27C^2$ "weights": right, and multiply-adds have the same ratio. It
# >    does not say that the stack puts out three times as many values.
# > 6. *Network in Network*: 7.5 million should read 7.6; MB there are MiB; "performance" is the top-1 error.
# >    The slide removes "the two fully connected layers (fc6, fc7)". The published network has no third one
# >    either: its 1,000 outputs are averages of maps.

# %%
print(f"VGG-D, each layer once: {once:,} values; with ReLU apart: {apart:,}; the slide: 24 million")
print(f"24,000,000 × 4 bytes = {24e6 * 4 / 1e6:.1f} MB = {24e6 * 4 / 2**20:.1f} MiB; the slide: 93 MB")
print(
    f"NIN: {n.parameters / 1e6:.3f} M parameters, {4 * n.parameters / 2**20:.1f} MiB; the slide: 7.5 M, 29 MB"
)
for name in ("alexnet", "nin"):
    dense = sum(row.kind == "fully connected" for row in counts[name].layers)
    print(f"{name}: {dense} fully connected layers")

# %% [markdown]
# ## What you learned
#
# - Stride $S$ keeps patterns with a period of at least $2S$ pixels and turns finer ones into false ones.
#   ZFNet halved AlexNet's stride and paid with four times as many positions.
# - Three 3×3 layers see as far as one 7×7, with 27 in place of 49 $C^2$ weights and multiply-adds, and three
#   times the activations.
# - In VGG depth costs few parameters and much work. Early layers take the memory, the first fully connected
#   layer takes the parameters.
# - "How much memory?" has several right answers. Say what is counted, and whether MB means $10^6$ or
#   $2^{20}$.
# - Each layer multiplies the signal by $\sqrt{n\sigma^2/2}$. Through many layers it vanishes or explodes
#   unless this is near 1. VGG's authors began with A's layers; He's start needs no A.
# - A 1×1 convolution is a fully connected layer at every pixel, and lets a small network slide over an image.
# - One map for each class and its average replace fully connected layers: fewer parameters, any image size,
#   and maps that say where.
# - Fewer parameters do not mean less work.
#
# Next comes [lecture 9, Inception](09_inception.ipynb), which puts 1×1 convolutions to another use: it makes
# large ones affordable. Exercise 8 covers this lecture and the next: you write VGG from its table, mlpconv
# layers and Inception modules, and count what they cost.
