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
# # 7. AlexNet
#
# **When you have worked through this lecture, you can**
#
# - follow an image of 227 by 227 pixels through AlexNet, and name the shape, neurons and parameters of a
#   layer;
# - say what two towers save, and find the layers that take the time and those that take the memory;
# - estimate from counts how long a training takes and what it must hold in memory;
# - say what ReLU, the mean image, crops, dropout and response normalisation are for, and read an experiment
#   that measures what each of them brings;
# - write down the recipe and do one update step by hand;
# - look at a trained net in three ways: its filters, its answers, and the neighbours in its last hidden
#   layer.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 20 seconds.
#
# **Slides:** *AlexNet: ILSVRC 2012 winner*, *CNN for Image Classification on ImageNet*, *ImageNet* (classes
# and images), *Example-AlexNet*, *Technical details*, *96 learned low-level filters*, *Classification
# result*, *Top hidden layer can be used as feature for retrieval*.
#
# **You need:** lecture 3 (output size, counting parameters), lecture 4 (pooling) and lecture 5 (gradients,
# momentum, the loss at the start).
#
# "The paper" is A. Krizhevsky, I. Sutskever and G. Hinton, *ImageNet Classification with Deep Convolutional
# Neural Networks*, NIPS 2012. Two nets appear here. The real AlexNet is counted, drawn and timed, but it is
# too large to train on your machine. A small one with the same parts is trained, many times, on real
# photographs: here you can switch a part off and measure what is missing.

# %%
from dataclasses import replace
from functools import partial
from time import perf_counter

import ipywidgets
import numpy as np
import torch
from IPython.display import display
from torch import nn

from course_utils import figures, training, zoo
from course_utils.data import load
from course_utils.data.history import RANKING_2012
from course_utils.widgets import question
from course_utils.zoo.counting import STORED
from course_utils.zoo.parts import start

torch.set_num_threads(1)
rng = np.random.default_rng(7)
photographs = load("photographs")
patches, unseen = load("photo_patches", "train"), load("photo_patches", "test")
print(photographs, patches, unseen, sep="\n")

# %% [markdown]
# ## ImageNet
#
# Once a year from 2010 to 2017 a challenge asked: which of 1,000 classes does a photograph show? The
# classes are as fine as breeds of dogs. An answer may name five; it is wrong if the truth is not among
# them. The share of wrong answers is the **top-5 error**. The slides give the sizes of the data and the
# ranking of 2012.
#
# Three of the teams measured images with features that people had designed, and learned on top. Look how
# near their results are to each other: the craft had reached its limit. The winner learned everything from
# pixels. The slides call it the first very large deep model, and the first that was effective on such a
# task; they add that two companies announced image search with this technology six months later.

# %%
CLASSES, TRAINING, VALIDATION, TEST = 1000, 1_280_000, 50_000, 100_000  # the slide's numbers
print(f"images for each class: {TRAINING / CLASSES:,.0f} to train, {VALIDATION / CLASSES:.0f} to validate")
print(f"pixels at 256×256 in colour: {TRAINING * 3 * 256**2 / 1e9:,.0f} GB, before compression")
print(f"top-5 error of five classes drawn at random: {1 - 5 / CLASSES:.1%}")

teams, errors, ways = zip(*RANKING_2012, strict=True)
gain, apart = (errors[1] - errors[0]) / errors[1], 100 * (errors[3] - errors[1])
figure, (axes,) = figures.panels(width=8.5, height=3)
title = f"{gain:.0%} fewer errors than the second; the others lie within {apart:.1f} points"
values = {"top-5 error": [100 * error for error in errors]}
figures.bars(axes, teams, values, title=title, ylabel="top-5 error (%)")
pairs = "; ".join(f"{team} {error:.3%}: {way}" for team, error, way in RANKING_2012)
figures.show(figure, alt=f"Bars of the top-5 error of four teams. {pairs}.")

# %% [markdown]
# ## The network
#
# AlexNet is built like LeNet (lecture 6): convolutions and pooling, then fully connected layers. What is
# different: **ReLU** in place of tanh, **max pooling** in place of averages, **dropout**, and above all
# size: seven hidden layers, many more units, much more data, and two GPUs to train it. The zoo holds it as
# published. `torch.device("meta")` builds a net of shapes without numbers: enough to count, and free.
#
# Five convolutions and two fully connected layers learn features; the last layer makes classes of them. Max
# pooling follows the first, the second and the fifth. Read the columns *output* and *sees* together: one
# value of the last pooling depends on 195 by 195 pixels, nearly the whole image, and the fully connected
# layers see all of it.

# %%
names = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8"]
with torch.device("meta"):
    counts = zoo.count(zoo.build("alexnet"))
layers = [row for row in counts.layers if row.kind in STORED]  # ReLU, dropout and the like belong to these
layers = [replace(row, name=name) for row, name in zip(layers, names, strict=True)]
display(zoo.table(replace(counts, layers=tuple(layers))))
figure, (axes,) = figures.panels(width=10.5, height=4.2)
title = f"AlexNet: maps shrink from 227 to 6 while channels grow; {counts.parameters:,} parameters"
zoo.draw(axes, replace(counts, layers=tuple(layers)), title=title)
shapes = ", ".join(f"{row.name} {'×'.join(map(str, row.output_shape))}" for row in layers)
figures.show(figure, alt=f"Blocks to scale. In order: {shapes}.")

# %% [markdown]
# ## From 227 to 55
#
# The first layer has 96 kernels of 11 by 11 by 3 and moves them by 4 pixels. Count positions as in lecture
# 3: $(227-11)/4+1 = 55$. The paper says that the image has 224 pixels. What does that give?

# %%
for N in (224, 227):
    for P in range(3):
        starts = range(0, N + 2 * P - 11 + 1, 4)
        left_over = N + 2 * P - (starts[-1] + 11)
        print(f"N = {N}, P = {P}: {len(starts)} positions, {left_over} pixels left over")

sides = [227]
for K, S in ((11, 4), (3, 2), (3, 2), (3, 2)):  # conv1 and the three poolings; all other layers keep the size
    sides.append(len(range(0, sides[-1] - K + 1, S)))
print("side of the maps:", " → ".join(map(str, sides)))
print("pooling windows of 2 instead of 3 on 55 cells:", len(range(0, 55 - 2 + 1, 2)), "positions, too")

# %% [markdown]
# 224 gives 55 with a padding of 2 only, which the paper does not mention; 227 gives it without. Most
# implementations take one of the two. The slides take 227, and so does this course.
#
# Pooling has windows of 3 that move by 2, so neighbours share a row. This is **overlapping pooling**. A
# window of 2 would give as many outputs; the paper found windows of 3 a little better (0.4 % top-1, 0.3 %
# top-5).

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
side = len(range(0, 224 - 11 + 1, 4))
question(
    "How many rows has conv1's output for an image of 224 by 224 without padding?",
    [
        ("53", side == 53, "The last window starts at 212: 53 steps of 4, plus the first position."),
        ("54", side == 54, "$\\lfloor 213/4 \\rfloor + 1$; the last pixel is in no window."),
        ("54.25", side == 54.25, "That is the formula without the floor. There is no quarter of a window."),
        ("55", side == 55, "That needs 3 pixels more: 227, or padding."),
    ],
)

# %% [markdown]
# ## Neurons and parameters
#
# By hand for the first layer: $11 \cdot 11 \cdot 3$ weights and a bias for each of 96 filters. Pooling has
# nothing to learn. A **neuron** is here one number that a layer with weights puts out; the slides also
# count the input. Their list stands in the cell, beside what the zoo's net has. All its numbers are right;
# the "650K units" and "60M params" of another slide are rounded down.

# %%
print(f"conv1: 11·11·3·96 + 96·1 = {11 * 11 * 3 * 96 + 96:,} parameters")
on_the_slide = [154587, 290400, 186624, 64896, 64896, 43264, 4096, 4096, 1000]
weighted = [row for row in layers if row.macs]
counted = [("input", int(np.prod(counts.input_shape)), 0)]
counted += [(row.name, row.values, row.parameters) for row in weighted]
print(f"{'':6} {'slide':>9} {'counted':>9} {'agree':>6} {'parameters':>12}")
for claim, (name, found, held) in zip(on_the_slide, counted, strict=True):
    print(f"{name:6} {claim:9,} {found:9,} {claim == found!s:>6} {held:12,}")
neurons = sum(found for _, found, _ in counted)
print(f"{'sum':6} {813859:9,} {neurons:9,} {neurons == 813859!s:>6} {counts.parameters:12,}")
print("parameters of the poolings:", [row.parameters for row in layers if row.kind == "max pool"])
print(f"hidden layers: {len(weighted) - 1}; units without the input: {neurons - counted[0][1]:,}")
print(f"the paper's figure has 253,440 in conv1: {253440 / 96:.0f} = 55·48 for each map, not 55·55")

# %% [markdown]
# ## Where the cost is
#
# Three things cost something: parameters (memory for the weights), multiply-adds (time), and the numbers
# put out (memory for the backward pass, times the batch). They are not in the same layers.

# %%
amounts = {
    "parameters": [row.parameters for row in weighted],
    "multiply-adds": [row.macs for row in weighted],
    "numbers put out": [row.values for row in weighted],
}
early = {what: sum(numbers[:5]) / sum(numbers) for what, numbers in amounts.items()}
figure, (axes,) = figures.panels(width=9.5, height=4.6)
title = "Convolutions have {:.0%} of the parameters and {:.0%} of the multiply-adds".format(*early.values())
figures.costs(axes, [row.name for row in weighted], amounts, title=title)
words = "; ".join(f"{row.name} {row.parameters:,}, {row.macs:,}, {row.values:,}" for row in weighted)
figures.show(figure, alt=f"Bars for each layer of parameters, multiply-adds and numbers put out: {words}.")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
heaviest = max(weighted, key=lambda row: row.parameters).name
question(
    "Your AlexNet is too large to send to a phone. Where do you begin to save parameters?",
    [
        ("conv1", heaviest == "conv1", "It puts out most numbers, but one kernel is used at 3,025 places."),
        ("conv2", heaviest == "conv2", "conv2 takes most of the time. Its weights are few: they are shared."),
        ("fc6", heaviest == "fc6", "9,216 inputs times 4,096 units, and no weight is shared."),
        ("fc8", heaviest == "fc8", "1,000 classes sound like a lot, but fc6 holds nine times as much."),
    ],
)

# %% [markdown]
# ## Two towers
#
# One GPU of 2012 was too small. So the paper split the net into two **towers**, one on each GPU. Each has
# half of all maps. In conv2, conv4 and conv5 a tower reads its own maps only. In conv3 and in the fully
# connected layers each reads both: only there do the GPUs exchange numbers.
#
# Today this is called a **grouped convolution**: `nn.Conv2d(..., groups=2)`. Channels and filters are split
# into groups, and a filter sees the channels of its own group. The drawing asks torch which output depends
# on which input map, for a stack of two layers of eight maps.


# %%
def who_sees_whom(groups):
    """Ask autograd which of 8 output maps of a layer depends on which of 8 input maps: (8, 8) of 0 and 1."""
    layer = nn.Conv2d(8, 8, 3, padding=1, groups=groups)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: layer(x).sum(dim=(0, 2, 3)), torch.ones(1, 8, 4, 4)
    )
    return (jacobian.abs().sum(dim=(1, 3, 4)) > 0).float().numpy(), layer.weight.numel()


(split, few_weights), (joined, all_weights) = who_sees_whom(2), who_sees_whom(1)
print(f"weights of a layer of 8 maps, 3×3: {few_weights} in two groups, {all_weights} in one")
figure, (left, right) = figures.panels(1, 2, width=10, height=4)
figures.connections(left, [split, split], title="Twice like conv2: two nets side by side")
figures.connections(right, [split, joined], title="Like conv2, then like conv3: they meet")
figures.show(
    figure,
    alt="Two graphs of three rows of eight maps. Left, two grouped layers: maps 1 to 4 and maps 5 to 8 never "
    "meet. Right, a grouped and an ordinary layer: in the second each map is joined to all eight below.",
)

# %% [markdown]
# Each filter of a split layer has half the channels, so half the weights and half the work. Compare the net
# with its towers joined, and with the one-tower AlexNet of 2014 that libraries ship. Then take the time of
# conv2, on this machine.

# %%
nets = {"two towers": counts}
with torch.device("meta"):
    nets["towers joined"] = zoo.count(zoo.build("alexnet", groups=1))
    nets["one tower, 2014"] = zoo.count(zoo.build("alexnet_one_tower"))
for name, found in nets.items():
    print(f"{name:16} {found.parameters:12,} parameters {found.macs:15,} multiply-adds")

maps, milliseconds = torch.randn(2, 96, 27, 27), {}
for groups in (1, 2):
    conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=groups)
    runs = []
    for _ in range(8):
        begin = perf_counter()
        with torch.no_grad():
            conv2(maps)
        runs.append(500 * (perf_counter() - begin))
    milliseconds[groups] = min(runs)
    print(f"conv2, {groups} group(s): {conv2.weight.numel():,} weights, {min(runs):.1f} ms an image")
saved = 1 - milliseconds[2] / milliseconds[1]
print(f"half the multiply-adds save {saved:.0%} of the time here")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
weights = nn.Conv2d(16, 32, 3, groups=2, bias=False).weight.numel()
question(
    "A layer makes 32 maps from 16, kernels of 3 by 3, two groups, no bias. How many weights?",
    [
        ("1,152", weights == 1152, "You halved twice. There are still 32 filters; each sees half the maps."),
        ("2,304", weights == 2304, "$32 \\cdot (16/2) \\cdot 9$: all filters, half the channels."),
        ("4,608", weights == 4608, "That is one group: each filter sees all 16 channels."),
        ("9,216", weights == 9216, "Groups take connections away; they never add any."),
    ],
)

# %% [markdown]
# ## A week on two GPUs
#
# The paper trained for 90 passes over the training set (**epochs**) in five to six days on two GTX 580,
# with 3 GB each. Counts tell you whether that can be true. A backward pass costs about twice a forward
# pass: each product of the forward pass appears in the gradient of the weights and in that of the input. A
# multiply-add is two floating-point operations (FLOP).

# %%
EPOCHS, DAYS, PEAK = 90, 5.5, 512 * 1.544e9 * 2  # cores of a GTX 580, clock, a multiply-add a cycle
flop_an_image = counts.macs * 2 * 3
total = flop_an_image * TRAINING * EPOCHS
rate = total / (DAYS * 86_400)
print(f"one image, forwards and backwards: {flop_an_image / 1e9:.1f} GFLOP; all of it: {total:.1e} FLOP")
print(f"in {DAYS} days: {rate / 1e12:.2f} TFLOP/s, {rate / (2 * PEAK):.0%} of what two such cards can do")

alexnet, batch = zoo.build("alexnet"), torch.randn(2, 3, 227, 227)
runs = []
for step in range(3):
    begin = perf_counter()
    alexnet(batch).sum().backward()
    runs.append(perf_counter() - begin)
    print(f"AlexNet here, one thread, {len(batch)} images, step {step + 1}: {runs[-1]:.1f} s")
del alexnet
here = len(batch) * flop_an_image / min(runs)
days = total / here / 86_400
print(f"one thread here: {here / 1e9:.0f} GFLOP/s, {days:,.0f} days for all epochs")
print(f"two GPUs of 2012 were {rate / here:.0f} times as fast as one thread of this CPU")
print(f"a CPU 50 times slower than they were does {rate / 50 / 1e9:.0f} GFLOP/s")

# %% [markdown]
# So a week on two GPUs is plausible: a third of the peak is what good code reaches. "50x speedup over CPU"
# is a claim about a certain CPU and its code, which the slide does not name. The last line says how fast
# that CPU would have been. Now the memory. The batch has 128 images; training keeps what layers put out, a
# gradient for each number, and a velocity for each weight. The second line of the next cell counts what a
# library without tricks stores. It nearly fills a card of 3 GB (the slide's "2GB RAM" are 3 in the paper),
# and the matrices of columns (lecture 3) come on top. Split in two, it fits with room to spare.

# %%
for what, kinds in (
    ("layers with weights, pooling", STORED),
    ("ReLU, LRN and dropout too", None),
):
    held = counts.memory(128, backward=True, kinds=kinds) + 4 * counts.parameters
    print(f"{what:29}: {held / 2**30:.2f} GiB, {held / 2**31:.2f} GiB on each of two cards")

# %% [markdown]
# ## A small AlexNet
#
# Now a net that you can train. The images are **patches** of 32 by 32 from seven photographs; the class is
# the photograph. Test patches come from other parts of the photographs. To *overfit a lot*, as the slides
# say of AlexNet, it gets 700 patches only.

# %%
few = replace(patches, images=patches.images[:700], labels=patches.labels[:700])
chosen = [np.flatnonzero(few.labels == k)[n] for n in range(2) for k in range(7)]
figure, (axes,) = figures.panels(width=9.5, height=3.4)
words = [few.class_names[k] for k in few.labels[chosen]]
figures.gallery(axes, few.images[chosen], title="Which photograph is it from?", labels=words, columns=7)
figures.show(figure, alt=f"Fourteen patches, two of each class: {', '.join(few.class_names)}.")

# %% [markdown]
# The small net has AlexNet's parts in its order: a large stride at first, overlapping pooling, two towers
# that join in the third convolution and in the fully connected layers, dropout in both hidden ones.
# Everything that an experiment changes is an argument.


# %%
def small_alexnet(activation=nn.ReLU, dropout=0.5, groups=2, norm=nn.Identity):
    """Build the small net: images (N, 3, 32, 32) to logits (N, 7)."""
    layers = [nn.Conv2d(3, 24, 5, stride=2, padding=2), activation(), nn.MaxPool2d(3, 2), norm()]
    layers += [nn.Conv2d(24, 48, 5, padding=2, groups=groups), activation(), nn.MaxPool2d(3, 2), norm()]
    layers += [nn.Conv2d(48, 64, 3, padding=1), activation()]
    layers += [nn.Conv2d(64, 64, 3, padding=1, groups=groups), activation(), nn.Flatten()]
    layers += [nn.Linear(576, 256), activation(), nn.Dropout(dropout)]
    layers += [nn.Linear(256, 256), activation(), nn.Dropout(dropout), nn.Linear(256, 7)]
    net = nn.Sequential(*layers)
    start(net)  # weights with the variance 2 / inputs, which suits ReLU
    return net.to(memory_format=torch.channels_last)  # the same net, faster on a CPU


small = zoo.count(small_alexnet(), (3, 32, 32))
print(" → ".join("×".join(map(str, row.output_shape)) for row in small.layers if row.kind in STORED))
print(f"{small.parameters:,} parameters, {small.macs:,} multiply-adds")

# %% [markdown]
# Train one now. The images are made ready in the paper's way, of which you will see each part below: the
# mean image is subtracted, and each batch is moved and mirrored at random.

# %%
mean_image = torch.from_numpy(few.images).float().mean(dim=0)


def moved_and_mirrored(images, generator):
    """Move each image by up to 4 pixels and mirror every second one, by the course's two functions."""
    return training.random_flip(training.random_crop(images, 4, generator), generator)


def trained(
    seed, epochs=50, mean=mean_image, augment=moved_and_mirrored, report=lambda epoch: None, **options
):
    """Train a small net on 700 patches, watched on 140 test patches; return it, training and test set."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = small_alexnet(**options)
    train, test = training.as_tensors(few, mean, 64.0), training.as_tensors(unseen, mean, 64.0)
    recipe = training.Recipe(epochs, learning_rate=0.01, warm_up=2, augment=augment)
    watched = tuple(part[:140] for part in test)
    training.fit(net, train, watched, recipe, seed=seed, report=report)
    return net, train, test


bar = ipywidgets.IntProgress(max=40, description="Epochs")
display(bar)


def report(epoch):
    """Move the bar, and say every tenth epoch how far training is."""
    bar.value = epoch.number
    if epoch.number % 10 == 0:
        print(f"epoch {epoch.number}: loss {epoch.loss:.2f}, on 140 patches {epoch.test_accuracy:.1%} right")


net, train, test = trained(0, epochs=40, report=report)
print(f"test accuracy {training.accuracy(net, test):.1%}")

# %% [markdown]
# What does each part of the recipe bring? Leave it out, train again and compare. One training proves
# little: another order of the images gives another result. So each variant is trained with five **seeds**;
# ± is half of the 95 % confidence interval of the mean (Student's t). Variants share their seeds, so that
# you may also compare seed by seed, which takes away what they have in common.
#
# This takes minutes. The results are **records**, replayed here; what the cell prints says how to run them
# again.

# %%
CHANGES = {
    "everything": {},
    "no dropout": {"dropout": 0.0},
    "no moves, no mirror": {"augment": None},
    "neither of the two": {"dropout": 0.0, "augment": None},
    "no mean image": {"mean": 0.0},
    "towers joined": {"groups": 1},
    "LRN": {"norm": partial(nn.LocalResponseNorm, 5, alpha=1.0, k=1.0)},
}


def hidden(net, images):
    """Return what the last hidden layer says of images: (N, 256)."""
    with torch.no_grad():
        return net[:-1](images)  # all but the last layer; dropout rests after training


def precision(asked, stored):
    """Return how many in a hundred of the ten nearest of each query have its label; (points, labels) each."""
    nearest = torch.cdist(asked[0], stored[0]).topk(10, largest=False).indices
    return 100 * (stored[1][nearest] == asked[1][:, None]).float().mean().item()


def colour(filters):
    """Return for each filter (F, 3, K, K) the share of its squares that a grey filter could not have."""
    return 1 - 3 * (filters.mean(dim=1) ** 2).sum(dim=(1, 2)) / (filters**2).sum(dim=(1, 2, 3))


def measured(variant, seed):
    """Train one variant and measure it, in percent."""
    net, train, test = trained(seed, **CHANGES[variant])
    halves = colour(net[0].weight.detach()).split(12)
    return {
        "train": 100 * training.accuracy(net, train),
        "test": 100 * training.accuracy(net, test),
        "precision": precision((hidden(net, test[0]), test[1]), (hidden(net, train[0]), train[1])),
        "colour of the halves": [100 * half.mean().item() for half in halves],
    }


settings = {"patches": 700, "epochs": 50, "learning rate": 0.01, "warm-up": 2, "batch": 64}
names, seeds = list(CHANGES), (0, 1, 2, 3, 4)
record = training.experiment("07_regularisation", measured, names[:4], settings=settings, seeds=seeds)
others = training.experiment("07_parts", measured, names[4:], settings=settings, seeds=seeds)
print(record, others, sep="\n")
record = replace(record, runs=record.runs | others.runs)


def compare(variant, what="test"):
    """Print what a variant reached beside everything, and the difference seed by seed."""
    for name in ("everything", variant):
        print(f"{name:20} {record.mean(name, what):5.1f} ± {record.interval(name, what):.1f} % {what}")
    mean, half = record.difference("everything", variant, what)
    print(f"{'difference':20} {mean:+5.1f} ± {half:.1f}, {'not 0' if abs(mean) > half else 'may be 0'}")


# %% [markdown]
# ## ReLU against tanh
#
# The slides call tanh *very bad (slow to train)* and ReLU *very good*. In the paper's figure 1 a net with
# ReLU reached 25 % training error on CIFAR-10 six times sooner. The reason is **saturation**: where tanh is
# flat, its derivative is near 0, and so is the gradient of all that lies below. ReLU has the derivative 1
# for every positive input. But does tanh get to where it is flat? That depends on the size of what comes
# in. Look at the first layer, for pixels from 0 to 255 (minus the mean), and for the same divided by 64.

# %%
figure, panels = figures.panels(1, 2, width=10, height=2.8)
for axes, name, scale in zip(panels, ("pixels ÷ 64", "pixels"), (1.0, 64.0), strict=True):
    torch.manual_seed(0)
    with torch.no_grad():
        before = small_alexnet()[0](scale * train[0]).flatten().numpy()
    slope = 1 - np.tanh(before) ** 2
    flat, share = (slope < 0.01).mean(), np.full(slope.size, 100 / slope.size)
    axes.hist(slope, bins=20, weights=share, color="#575d6d", edgecolor="#222222")
    axes.set(xlabel="derivative of tanh in the first layer", ylabel="share of units (%)")
    axes.set_title(f"{name}: {flat:.0%} of the units are flat")
words = f"Pixels as they are: {flat:.0%} lie below 0.01."
figures.show(figure, alt=f"Histograms of tanh's derivative. Pixels ÷ 64: spread over 0 to 1. {words}")

# %% [markdown]
# So measure four cases: both functions, both sizes of input, on all 3,780 patches. As in the paper, nothing
# is dropped, moved or mirrored, and each case has its own learning rate: at least four were tried
# beforehand, and the quickest kept.

# %%
RACE = {
    "ReLU, pixels ÷ 64": (nn.ReLU, 64.0, 0.005),
    "tanh, pixels ÷ 64": (nn.Tanh, 64.0, 0.01),
    "ReLU, pixels": (nn.ReLU, 1.0, 0.0003),
    "tanh, pixels": (nn.Tanh, 1.0, 0.003),
}


def race(variant, seed):
    """Train on all 3,780 patches; return the training error of each epoch in percent."""
    activation, scale, rate = RACE[variant]
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = small_alexnet(activation, dropout=0.0)
    data = [training.as_tensors(part, mean_image, scale) for part in (patches, unseen)]
    recipe = training.Recipe(10, learning_rate=rate, warm_up=0.5)
    history = training.fit(net, *data, recipe, seed=seed)
    return {"error": [100 - 100 * epoch.train_accuracy for epoch in history]}


settings = {"epochs": 10, "rates": {name: rate for name, (_, _, rate) in RACE.items()}, "warm-up": 0.5}
speed = training.experiment("07_relu_tanh", race, list(RACE), settings=settings, seeds=seeds)
print(speed)
reached = {}
for name in RACE:
    lowest = np.minimum.accumulate(speed.values(name, "error"), axis=1)  # the best so far: it never rises
    epochs = np.arange(1, lowest.shape[1] + 1)
    for target in (25, 10):  # between two epochs, as if the error fell along a line
        times = [np.interp(target, run[::-1], epochs[::-1], left=np.inf) for run in lowest]
        reached[name, target] = float(np.median(times))
        print(f"{name:18} {target} % training error after {min(times):.1f} to {max(times):.1f} epochs")

figure, panels = figures.panels(1, 2, width=10.5, height=3.6)
for axes, size in zip(panels, ("pixels ÷ 64", "pixels"), strict=True):
    pair = [f"{activation}, {size}" for activation in ("ReLU", "tanh")]
    runs = {name: (speed.mean(name, "error"), speed.interval(name, "error")) for name in pair}
    title = f"{size}: tanh takes {reached[pair[1], 10] / reached[pair[0], 10]:.1f} times as long to 10 %"
    figures.bands(axes, epochs, runs, title=title, xlabel="epoch", ylabel="training error (%), mean ± 95 %")
    axes.hlines((10, 25), 1, epochs[-1], color="#575d6d", linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 75)
words = "; ".join(f"{name} {value:.1f}" for (name, target), value in reached.items() if target == 10)
figures.show(figure, alt=f"Training error over epochs, with bands. Median of the epochs to 10 %: {words}.")

# %% [markdown]
# The slide is right for large inputs: there tanh starts saturated and crawls out; the gap is small at 25 %
# and large at 10 %. With inputs of a size that suits it, tanh was the quicker of the two in every one of
# five trainings. So the sentence needs a condition, and the paper's factor of six belongs to its net, its
# data and its weights at the start. What remains of ReLU's advantage: it forgives a bad scale, its
# derivative stays 1 however deep the net, and it is cheaper to compute. (Only the training error is
# compared here, as in the paper.)

# %% [markdown]
# ## The mean image
#
# The mean over all training images, pixel by pixel, is one image. It is subtracted from every input, in
# training and in testing. Where objects are centred, like clothes, the mean image shows a shape. Patches
# have no centre: theirs is nearly one colour.

# %%
clothes = load("fashion_mnist")
pairs = [(few.images[chosen[9]], mean_image.numpy()), (clothes.images[0], clothes.images.mean(axis=0))]
figure, panels = figures.panels(2, 3, width=7.5, height=4.6)
for row, (image, mean) in zip((panels[:3], panels[3:]), pairs, strict=True):
    shown = {"image": image / 255, "mean image": mean / 255, "difference": 0.5 + (image - mean) / 510}
    for axes, (title, values) in zip(row, shown.items(), strict=True):
        figures.picture(axes, values, title=title)
        axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
words = "The mean of the patches is an even brown, that of clothes a blurred shape."
figures.show(
    figure, alt=f"A patch and a garment, the mean images, the differences with zero as grey. {words}"
)

# %% [markdown]
# Why does it help? Without it, all inputs share one large direction: brightness. A step along it moves
# every output at once, so the learning rate must be small for its sake, and the rest learns slowly. The
# cell measures which share of the inputs' squares lies in the largest direction, and what the mean image
# brought.

# %%
for name, mean in (("pixels", 0.0), ("pixels − mean image", mean_image)):
    flat = training.as_tensors(few, mean, 64.0)[0].flatten(1)
    strengths = torch.linalg.eigvalsh(flat @ flat.T)
    print(f"{name:20} largest direction has {strengths[-1] / strengths.sum():.0%} of all squares")
compare("no mean image")
compare("no mean image", "train")

# %% [markdown]
# ## Crops and mirror images
#
# The paper keeps images of 256 by 256 and shows the net a random part of each, every second one mirrored.
# The label stays the same; the pixels do not. Here are four crops of 227 by 227.

# %%
dahlia = photographs.images[photographs.class_names.index("dahlia")][:, :, 64:320]
corners = [(0, 0), (3, 29), (15, 8), (29, 21)]
crops = [dahlia[:, top : top + 227, left : left + 227] for top, left in corners]
crops[1], crops[3] = crops[1][:, :, ::-1], crops[3][:, :, ::-1]
figure, (left, right) = figures.panels(1, 2, width=10, height=4.2)
windows = [(*corner, 227, 227) for corner in corners]
figures.framed_picture(left, dahlia, windows, title="256 by 256, and four windows")
words = ["1", "2, mirrored", "3", "4, mirrored"]
figures.gallery(right, crops, title="What the net gets: 227 by 227, the same flower", labels=words, columns=2)
figures.show(figure, alt="A dahlia with four frames that nearly coincide; beside it the four crops.")
for K in (227, 224):
    places = len(range(256 - K + 1))
    print(f"{K} from 256: {places} places along each side, {places}·{places}·2 = {2 * places**2:,} images")
print(f"the paper's factor of 2048, for 224: {2048 // 2} = {(2048 // 2) ** 0.5:.0f}² places")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
views = 2 * len(range(40 - 32 + 1)) ** 2
question(
    "You take crops of 32 by 32 from images of 40 by 40, mirrored or not. How many different ones?",
    [
        ("64", views == 64, "$8 \\cdot 8$: you forgot the first place, and the mirror."),
        ("128", views == 128, "$2 \\cdot 8^2$, but from 0 to 8 there are nine places."),
        ("162", views == 162, "$2 \\cdot 9^2$: nine places along each side, each mirrored or not."),
        ("81", views == 81, "That is right without the mirror."),
    ],
)

# %% [markdown]
# A patch of 32 by 32 has nothing around it to crop from. `training.random_crop` moves it by up to 4 pixels
# instead and fills the border with a reflection. What did it bring?

# %%
generator = torch.Generator().manual_seed(7)
eye = few.images[chosen[9]]
versions = moved_and_mirrored(torch.from_numpy(np.stack([eye] * 8)).float(), generator).byte().numpy()
figure, (axes,) = figures.panels(width=9.5, height=1.9)
words = ["as it is", *map(str, range(1, 9))]
figures.gallery(axes, [eye, *versions], title="One patch, eight times moved or mirrored", labels=words)
figures.show(figure, alt="A patch with an eye, and eight copies moved by some pixels, some mirrored.")
compare("no moves, no mirror")

# %% [markdown]
# The same idea helps at test time: show the net several versions of an image, and average its answers. The
# paper takes ten: the four corners and the middle, each also mirrored. The paper gained 1.5 % top-1 error
# by it. Ten random versions are tried here, and do little for this net: its test patches come from all
# places anyway.


# %%
def answers(images):
    """Return what the net that was trained above gives each class: (N, 7)."""
    with torch.no_grad():
        return net(images).softmax(dim=1)


once = answers(test[0])
ten = sum(answers(moved_and_mirrored(test[0], generator)) for _ in range(10)) / 10
for name, said in (("one view", once), ("mean of ten random views", ten)):
    print(f"{name:25} test accuracy {(said.argmax(dim=1) == test[1]).float().mean():.1%}")

# %% [markdown]
# ## Colour jitter
#
# The second augmentation changes the light. Take all pixels as points in the space of red, green and blue,
# find the **principal directions** $\mathbf p_i$ in which they spread and the variances $\lambda_i$ along
# them, and add to all pixels of an image
#
# $$\alpha_1\lambda_1\,\mathbf p_1 + \alpha_2\lambda_2\,\mathbf p_2 + \alpha_3\lambda_3\,\mathbf p_3,
# \qquad \alpha_i \sim \mathcal N(0,\ 0.1^2)$$
#
# One catch: $\lambda$ is a *square* of brightness, so the result depends on the unit. The cell computes the
# typical change for both units: on pixels from 0 to 255 the formula would turn images black or white, so
# libraries use 0 to 1. The paper reports more than 1 % less top-1 error from it. It is not part of our
# experiment.

# %%
pixels = photographs.images.transpose(0, 2, 3, 1).reshape(-1, 3) / 255
variances, directions = np.linalg.eigh(np.cov(pixels.T))
print("principal directions, one a column, the strongest last:", *directions.round(2), sep="\n")
for unit, top in (("0 to 1", 1), ("0 to 255", 255)):
    change = 0.1 * variances[-1] * top**2
    print(f"pixels from {unit:8}: λ = {variances[-1] * top**2:8.4g}, change {change / top:.3g} of the range")

photograph, shown = photographs.images[photographs.class_names.index("pagoda")] / 255, []
for spread in (variances, np.sqrt(variances), np.sqrt(variances)):
    alphas = rng.normal(0, 0.1 if spread is variances else 0.4, 3)
    shown.append(photograph + (directions @ (alphas * spread))[:, None, None])
figure, (axes,) = figures.panels(width=10.5, height=2.4)
words = ["as it is", "the formula, 0 to 1", "√λ for λ, four times α", "√λ for λ, four times α"]
title = "The paper's change is hard to see; stronger ones are in the light and the tint"
figures.gallery(axes, [photograph, *shown], title=title, labels=words)
figures.show(figure, alt="A pagoda four times: as it is, a change hard to see, and two stronger tints.")

# %% [markdown]
# ## Dropout
#
# In training, each unit of a hidden layer is set to 0 with probability ½, drawn anew for every image. A
# unit cannot rely on a certain other one being there, so each must be useful by itself. The paper does this
# in the two hidden fully connected layers. At test time all units work.

# %%
values, drop = hidden(net, test[0][:1])[0].topk(5).values, nn.Dropout(0.5)
rows = [["a", "b"], list("12345"), ["y"]]
figure, panels = figures.panels(1, 3, width=10.5, height=3.9)
torch.manual_seed(30)
for axes, title in zip(panels, ("training, image 1", "training, image 2", "test"), strict=True):
    kept = drop.train(title != "test")(torch.ones(5)) > 0
    on = [unit for unit, works in zip(rows[1], kept, strict=True) if works]
    links = {(x, h): "" for x in rows[0] for h in on} | {(h, "y"): "" for h in on}
    words = {h: f"{value:.1f}" if h in on else "0" for h, value in zip(rows[1], values, strict=True)}
    figures.network(axes, rows, links, title=f"{title}: {len(on)} of 5 work", values=words, marked=on)
words = "In training some hidden units have no connections; at test time all have."
figures.show(figure, alt=f"A net of two inputs, five hidden units and one output, three times. {words}")

# %% [markdown]
# With half of the units gone, the next layer gets half as much on average. There are two ways to set that
# right. The paper halves all outputs at test time. Libraries divide by $1-p$ in training, and leave testing
# alone: *inverted* dropout. Watch torch do it on these five values, and average over many draws.

# %%
drop.train()
print("values              ", values.numpy().round(2))
for draw in (1, 2):
    print(f"training, draw {draw}    ", drop(values).numpy().round(2))
draws = drop(values.repeat(20_000, 1))
print("mean of 20,000 draws", draws.mean(dim=0).numpy().round(2))
print("test                ", drop.eval()(values).numpy().round(2))
print(f"the paper's way: mean in training {(draws / 2).mean():.2f}, at test time {(values / 2).mean():.2f}")
print(f"8,192 units make 2^8192 nets to draw from: a number of {int(8192 * np.log10(2)) + 1:,} digits\n")
compare("no dropout")
mean, half = record.difference("no moves, no mirror", "neither of the two", "test")
print(f"dropout, where nothing is moved or mirrored: {mean:+.1f} ± {half:.1f}")

# %% [markdown]
# Dropout helps most where nothing else works against overfitting: the interval of its gain alone, in the
# last line, excludes 0. Beside moves and mirror images it includes 0, so five trainings do not tell. Both
# together have the best mean of the four.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
kept = set(nn.Dropout(0.5)(torch.full((100,), 3.0)).tolist())
question(
    "A unit has the value 3. What may `nn.Dropout(0.5)` make of it in training?",
    [
        ("0 or 3", kept == {0.0, 3.0}, "That is the paper's dropout. Then test time must halve."),
        ("0 or 6", kept == {0.0, 6.0}, "Kept values are divided by $1 - p$, so that the mean stays 3."),
        ("always 1.5", kept == {1.5}, "1.5 is the mean of 0 and 3; a unit is on or off."),
        ("always 3", kept == {3.0}, "That is what it does at test time, after `net.eval()`."),
    ],
)

# %% [markdown]
# ## Local response normalisation
#
# After ReLU in conv1 and conv2, AlexNet divides each response by a power of what the $n$ channels around it
# say *at the same pixel* (**LRN**). A strong response damps its neighbours. With $a^i$ the response of
# channel $i$, the paper's numbers are $n = 5$, $k = 2$, $\alpha = 10^{-4}$, $\beta = 0.75$:
#
# $$b^i = a^i \Big/ \Big(k + \alpha \sum_{j = i - 2}^{i + 2} (a^j)^2\Big)^{\beta}$$
#
# Take one pixel of the trained net's first layer, 64 times as large, as it would be for pixels from 0 to
# 255. Do **one** channel by hand, and let torch do them all. A trap: torch divides $\alpha$ by $n$, the
# paper does not.

# %%
with torch.no_grad():
    responses = 64 * net[:2](test[0][:1])[:, :, 8:9, 8:9]  # (1, 24, 1, 1)
lrn, trap = nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0), nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)
normal, a = lrn(responses), responses.flatten()
i = 2 + int(a[2:-2].argmax())
by_hand = a[i] / (2 + 1e-4 * (a[i - 2 : i + 3] ** 2).sum()) ** 0.75
print(f"channel {i}: by hand {by_hand:.3f}; torch with alpha=5e-4 {normal[0, i].item():.3f}", end=", ")
print(f"with alpha=1e-4 {trap(responses)[0, i].item():.3f}")
figure, (axes,) = figures.panels(width=10.5, height=3.2)
shown = {"before": a / a.max(), "after": normal.flatten() / normal.max()}
gains = torch.nan_to_num(shown["after"] / shown["before"])
title = f"One pixel: relative to the largest response, channel {int(gains.argmax())} gains most"
figures.bars(axes, [str(n) for n in range(24)], shown, title=title, ylabel="share of the largest", form="")
axes.set_xlabel("channel")
figures.show(
    figure, alt="Pairs of bars, before and after. Channels with strong neighbours lose, others gain."
)
print("what a response is multiplied by when all are equal:")
for size in (1.0, 10.0, 100.0, 1000.0):
    print(f"responses of {size:5.0f}: × {lrn(torch.full((1, 24, 1, 1), size))[0, 12].item() / size:.3f}")

# %% [markdown]
# The table tells when it matters: for responses around 1 the paper's constants do nothing but multiply by
# $2^{-0.75}$. They are made for large numbers, as pixels from 0 to 255 give them. Our experiment divides
# pixels by 64, so it takes $k = 1$ and $\alpha = 0.2$ in the paper's sense, and normalises behind the
# pooling, which costs less. The paper reports 1.4 % less top-1 error. What LRN did here stands in the table
# of the next section.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
alone = nn.LocalResponseNorm(5, 5.0, 1.0, 0.0)(torch.tensor([0.0, 0, 2, 0, 0]).view(1, 5, 1, 1))[0, 2].item()
question(
    "One channel says 2, the others 0; in the formula $n=5$, $k=0$, $\\alpha=\\beta=1$. What comes out?",
    [
        ("2", alone == 2, "The sum includes the channel itself: $2^2 = 4$."),
        ("1", alone == 1, "That would need a sum of 2; responses are squared."),
        ("0.5", alone == 0.5, "$2 / (0 + 1 \\cdot 4)$. In torch you would write `alpha=5`."),
        ("2.5", alone == 2.5, "That is $\\alpha/n$ taken for $\\alpha$: $2/(4/5)$."),
    ],
)

# %% [markdown]
# ## What each part brought
#
# All variants in one drawing. Rings are single trainings, diamonds their means, bars the intervals; the
# dotted lines are the interval of the full recipe.

# %%
runs = {name: (record.values(name, "test"), record.interval(name, "test")) for name in CHANGES}
low = min(CHANGES, key=lambda name: record.mean(name, "test"))
cost, half = record.difference("everything", low, "test")
figure, (axes,) = figures.panels(width=9.5, height=4)
title = f"Most is lost with {low}: {cost:.1f} ± {half:.1f} points"
figures.intervals(axes, runs, title=title, xlabel="test accuracy (%)")
words = "; ".join(f"{name} {np.mean(values):.1f} ± {half:.1f} %" for name, (values, half) in runs.items())
figures.show(figure, alt=f"Test accuracies with intervals: {words}.")
print(f"{'':20} {'train':>6} {'test':>6} {'gap':>6}   everything − this one, seed by seed")
for name in CHANGES:
    learned, kept = record.mean(name, "train"), record.mean(name, "test")
    mean, half = record.difference("everything", name, "test")
    print(f"{name:20} {learned:6.1f} {kept:6.1f} {learned - kept:6.1f}   {mean:+.1f} ± {half:.1f}")

# %% [markdown]
# All nets that get pixels minus their mean learn nearly all 700 patches by heart. They differ in the gap to
# new ones, and dropout, moves and mirror images narrow it. Without the mean image even the training set is
# not learned in time.
#
# For the joined towers and for LRN the interval includes 0. That does not prove that they do nothing: the
# paper's gains are about one per cent, less than these intervals can show. CaffeNet, a net much like
# AlexNet that others measured part by part, reaches nearly the same with LRN and without, and hardly
# anybody uses it today. Nor is what helps here a law. Dropout slows learning; on all 3,780 patches with a
# few epochs the nets without it were ahead in trials of ours. Change `few` and `epochs`, and measure.

# %% [markdown]
# ## The recipe
#
# How the paper trained, as data. The learning rate fell by ten whenever the error on the validation images
# stopped falling, three times in all.

# %%
RECIPE = {"batch": 128, "momentum": 0.9, "weight decay": 0.0005, "learning rate": 0.01, "falls by": 10}
RECIPE |= {"falls": 3, "biases at the start": "1 in conv2, conv4, conv5, fc6 and fc7, else 0"}
print(*(f"{name}: {value}" for name, value in RECIPE.items()), sep="\n")
steps = TRAINING // RECIPE["batch"]
last = RECIPE["learning rate"] / RECIPE["falls by"] ** RECIPE["falls"]
print(f"{steps:,} steps an epoch, {EPOCHS * steps:,} in all; the learning rate ends at {last:.0e}")
print(f"loss at the start, if nothing is known: log 1000 = {np.log(CLASSES):.2f}")
print("spread of the weights at the start: 0.01 everywhere; √(2 / inputs), which suits ReLU, would be")
print(", ".join(f"{row.name} {(2 * row.values / row.macs) ** 0.5:.3f}" for row in weighted))

# %% [markdown]
# One step, for a weight $w$ with its velocity $v$, learning rate $\varepsilon$ and gradient $g$ of the
# batch:
#
# $$v \leftarrow 0.9\,v - 0.0005\,\varepsilon\,w - \varepsilon\,g, \qquad w \leftarrow w + v$$
#
# **Momentum** keeps nine tenths of the last step: after many equal gradients the steps are ten times as
# long. **Weight decay** pulls each weight towards 0. torch writes it another way: its velocity has no
# learning rate in it. Follow one weight with a gradient of 1, and let the rate fall after the third step.
# Until then both are the same; then the paper's weight coasts on with the old speed for some steps, and
# torch's brakes at once. A good reason to look at the formula before you say "the same optimiser".

# %%
parameter, w, v, g = nn.Parameter(torch.tensor(0.5)), 0.5, 0.0, 1.0
optimizer = torch.optim.SGD([parameter], lr=0.01, momentum=0.9, weight_decay=0.0005)
for step, rate in enumerate((0.01, 0.01, 0.01, 0.001, 0.001, 0.001), start=1):
    v = 0.9 * v - 0.0005 * rate * w - rate * g
    w = w + v
    optimizer.param_groups[0]["lr"] = rate
    parameter.grad = torch.tensor(g)
    optimizer.step()
    print(f"step {step}, rate {rate:5}: v = {v:+.5f}, w = {w:.5f};  torch w = {parameter.item():.5f}")

# %% [markdown]
# ## Learned filters
#
# The slides show AlexNet's 96 first filters: edges, stripes and blobs of colour. They took 90 passes over
# more than a million images. Here are the 24 of the small net at the start, and what the short training
# above added to them, enlarged.

# %%
torch.manual_seed(0)
fresh, learned = small_alexnet()[0].weight.detach(), net[0].weight.detach()
added = learned - fresh
print(f"training changed the weights by {added.norm() / fresh.norm():.0%} of their size")
figure, panels = figures.panels(2, 1, width=10.5, height=4)
for axes, what, part in zip(panels, ("At the start", "Added by training"), (fresh, added), strict=True):
    alike = np.corrcoef(part[..., 1:].ravel(), part[..., :-1].ravel())[0, 1]
    title = f"{what}: neighbouring weights have a correlation of {alike:.2f}"
    figures.gallery(axes, 0.5 + part / (2 * part.abs().max()), title=title, columns=12)
words = "At the start they are noise; what was added has areas of one colour and edges."
figures.show(figure, alt=f"24 filters of 5 by 5, twice. {words}")

# %% [markdown]
# In the paper, the filters of one GPU had colours and those of the other were grey, in every run. Do our
# towers specialise as well? Half of the filters belongs to each. The cell takes the share of colour in each
# half, for five trainings, with towers and with joined ones. Filters at random have two thirds. So have
# these, in both halves, with towers and without. But our training hardly moved the filters: it can neither
# confirm nor refute what the paper saw after 90 epochs.

# %%
for name in ("everything", "towers joined"):
    halves = record.values(name, "colour of the halves")
    apart = np.abs(halves[:, 0] - halves[:, 1])
    print(f"{name:14} colour {halves.mean():.0f} %; the halves differ by", *(f"{part:.1f}" for part in apart))

# %% [markdown]
# ## Classification results
#
# The slide shows images with their label and the five classes that AlexNet finds most likely. Here is the
# same for the small net: three right answers that it is not sure of, and two wrong ones that it does
# believe. The true class is hatched and in bold. Look at what a wrong answer is taken for, and how sure the
# net is.

# %%
right = (once.argmax(dim=1) == test[1]).numpy()
by_sureness = once.max(dim=1).values.numpy().argsort()
order = [*by_sureness[right[by_sureness]][[0, 60, 80]], *by_sureness[~right[by_sureness]][[-70, -1]]]
truths = [unseen.class_names[k] for k in unseen.labels[order]]
figure, panels = figures.panels(2, 5, width=11, height=4.4)
for n, truth, above, below in zip(order, truths, panels[:5], panels[5:], strict=True):
    figures.picture(above, unseen.images[n], title=truth)
    above.set(xticks=[], yticks=[], xlabel="", ylabel="")
    figures.guesses(below, unseen.class_names, once[n], truth=unseen.labels[n], title="")
said = [unseen.class_names[k] for k in once[order].argmax(dim=1)]
words = "; ".join(f"{truth}: {answer}" for truth, answer in zip(truths, said, strict=True))
figures.show(figure, alt=f"Five patches with five bars each. Truth and answer: {words}.")
for most in (1, 2, 5):
    hits = (once.topk(most).indices == test[1][:, None]).any(dim=1).float().mean()
    print(f"the truth is among the {most} most likely of 7: {hits:.1%}")

# %% [markdown]
# ## Retrieval by the top hidden layer
#
# Leave the last layer away. What remains turns an image into 256 numbers (4,096 in AlexNet): a **feature
# vector**, a point in space. Images whose points are close should show similar things, even where their
# pixels differ. First one query by hand: a test patch, its distances to all 700 training patches, the
# nearest ten.

# %%
points, asked = hidden(net, train[0]), hidden(net, test[0])
query = int(np.flatnonzero(unseen.labels == 6)[11])
distance = (points - asked[query]).norm(dim=1)
nearest = distance.argsort()[:10]
print("query:", unseen.class_names[unseen.labels[query]])
print("nearest: " + ", ".join(f"{few.class_names[few.labels[n]]} {distance[n]:.1f}" for n in nearest))
hits = int((few.labels[nearest] == unseen.labels[query]).sum())
print(f"{hits} of 10 are right: the precision at 10 is {hits / 10:.0%}")

# %% [markdown]
# For many queries ask a library for all distances at once: `torch.cdist`. Compare with distances between
# pixels. The drawing has three queries, each with its eight nearest: two that the net finds easier than
# pixels do, and one that is the other way round. A black frame is a patch from the right photograph, a
# dashed one is not.
#
# Pixels do better than you might think: these patches have typical colours. Without any training, the net's
# points are a little better than pixels, because pooling forgives small shifts. The rest was learned. The
# slide shows the same for AlexNet's 4,096 numbers, with elephants in other poses among the neighbours of an
# elephant.

# %%
queries = [int(np.flatnonzero(unseen.labels == k)[n]) for k, n in ((5, 7), (6, 4), (0, 7))]
spaces = {"top hidden layer": (asked, points), "pixels": (test[0].flatten(1), train[0].flatten(1))}
share = {name: precision((a, test[1]), (b, train[1])) for name, (a, b) in spaces.items()}
figure, panels = figures.panels(1, 2, width=11, height=2.9)
for axes, (name, (a, b)) in zip(panels, spaces.items(), strict=True):
    images, marks = [], []
    for q, numbers in zip(queries, torch.cdist(a[queries], b).topk(8, largest=False).indices, strict=True):
        images += [unseen.images[q], *few.images[numbers]]
        marks += [None, *(few.labels[numbers] == unseen.labels[q])]
    title = f"{name}: {share[name]:.0f} % of the nearest ten are right"
    figures.gallery(axes, images, title=title, columns=9, marks=marks)
words = "; ".join(f"{name} {value:.0f} %" for name, value in share.items())
figures.show(
    figure, alt=f"Three queries with their eight nearest. Precision at 10 over all queries: {words}."
)
untrained = small_alexnet().eval()
share["an untrained net"] = precision(
    (hidden(untrained, test[0]), test[1]), (hidden(untrained, train[0]), train[1])
)
print("precision at 10: " + ", ".join(f"{name} {value:.1f} %" for name, value in share.items()))
five, half = record.mean("everything", "precision"), record.interval("everything", "precision")
print(f"five nets trained for 50 epochs: {five:.1f} ± {half:.1f} %")

# %% [markdown]
# ## Errata
#
# > **Where the slides need a correction or a word more.**
# >
# > 1. *CNN for Image Classification on ImageNet* says 2 GB of memory on each GPU; the paper says 3 GB. "One
# >    week" is five to six days there. "One million images" is 1.28 million on the next slide.
# > 2. *Technical details* takes crops of 227 from 256; the paper says 224, with which its first layer does
# >    not have 55 rows. The paper's factor of 2048 counts 32 places along a side: there are 33 for 224, and
# >    30 for 227. Its figure 2 gives conv1 253,440 neurons; the slide's 290,400 are right.
# > 3. *Technical details* calls tanh very bad. That depends on the size of the inputs: see *ReLU against
# >    tanh*.
# > 4. *AlexNet: ILSVRC 2012 winner* rounds 650K and 60M down, and gives a speedup of 50 without the CPU that
# >    it is measured against.
# > 5. The ranking has 15.3 % for AlexNet, the table of results by year 16.4 %. Both are right: the first is
# >    the mean of seven nets, two of them trained on more images; the second is the mean of five.
#
# The cell computes what can be computed.

# %%
for K, what in ((227, "slide"), (224, "paper")):
    places, rows = len(range(256 - K + 1)), len(range(0, K - 11 + 1, 4))
    print(f"crops of {K} ({what}): {places}·{places}·2 = {2 * places**2:,}; conv1 has {rows} rows")
print(f"{neurons - counted[0][1]:,} units, {counts.parameters:,} parameters; {96 * 55**2:,} in conv1")
for size in ("pixels ÷ 64", "pixels"):
    ratio = reached[f"tanh, {size}", 10] / reached[f"ReLU, {size}", 10]
    print(f"tanh against ReLU, {size}: {ratio:.1f} times the epochs to 10 % training error")

# %% [markdown]
# ## What you learned
#
# - AlexNet is five convolutions and three fully connected layers. Its sizes need 227 pixels, or 224 and a
#   padding of 2.
# - Convolutions take the time, fully connected layers the parameters, early maps the memory.
# - Two towers are grouped convolutions: half the weights, half the work, in the layers that are split.
# - Counts tell how long a training takes and what fits on a card.
# - tanh saturates on large inputs; ReLU does not. On inputs of a good size tanh was not slow here.
# - Subtract the mean image. Move, crop and mirror what is little. Drop hidden units. How much each brings
#   depends on how much there is to overfit: measure, with several seeds.
# - Response normalisation needs large responses to do anything, and brought nothing that could be measured
#   here.
# - A trained net is also a way to measure similarity: its top hidden layer finds related images.
#
# **Now you:** [exercise 7, AlexNet](../exercises/ex07_alexnet/ex07_alexnet.ipynb). You compute the table of
# layers, and build the two towers, crops, dropout, response normalisation and retrieval. After that comes
# lecture 8, on deeper nets and smaller ones.
