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
# # 10. ResNet and DenseNet
#
# **When you have worked through this lecture, you can**
#
# - say what degradation is, show that it is not overfitting, and build the deeper net that ought to be no
#   worse;
# - take a residual block apart: what it does with weights of zero, and what comes back through it;
# - tell what batch normalisation does for a deep net from what a shortcut does;
# - choose a shortcut (A or B) and a place for the stride, and say what each costs;
# - recompute the table of ResNets, and say what its FLOPs are;
# - count a dense block and a transition, and say what concatenation has that addition lacks;
# - compare four families of nets at one price, with intervals.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 20 seconds.
#
# **Slides:** *ResNet: ILSVRC 2015 winner* (all three), *DenseNet* (all four), *Going Deeper*, *ImageNet*
# (the table of results by year).
#
# **You need:** lecture 8 (VGG, and why a 7 by 7 layer became three of 3 by 3), lecture 9 (1 by 1
# convolutions that save work, batch normalisation), lecture 5 (the gradient from above).
#
# Three times nets are trained in this lecture: 24 narrow ones of 8 to 56 layers, 12 of four families, and 3
# whose connections are cut. You replay their **records**: every number is read from a file that a run on a
# shared machine has written. Set `COURSE_RUN=run` in the environment of Jupyter, and your own machine makes
# them; that takes about half an hour on one core.
#
# The pictures are those of Fashion-MNIST at half their height and width, 14 by 14, so that a single
# processor core can train all of this. Torch gets one thread.

# %%
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from time import process_time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from course_utils import figures, training, zoo
from course_utils.data import load
from course_utils.data.history import WINNERS
from course_utils.widgets import question
from course_utils.zoo import resnet, small
from course_utils.zoo.densenet import DenseBlock, DenseLayer
from course_utils.zoo.resnet import BasicBlock, Bottleneck, ResNet, make_shortcut
from course_utils.zoo.resnet_cifar import CifarResNet

torch.set_num_threads(1)
torch.manual_seed(10)

train, test = (training.as_tensors(load("fashion_mnist", split)) for split in ("train", "test"))
middle, spread = train[0].mean(), train[0].std()
train, test = (
    (functional.avg_pool2d((images - middle) / spread, 2), labels) for images, labels in (train, test)
)
print("train", tuple(train[0].shape), " test", tuple(test[0].shape))
figure, axes = figures.panels(1, 6, width=10, height=2)
for panel, image, label in zip(axes, train[0], train[1], strict=False):
    name = load("fashion_mnist").class_names[label]
    figures.picture(panel, (image - image.min()) / (image.max() - image.min()), title=name)
    panel.set(xticks=[], yticks=[], xlabel="", ylabel="")
figures.show(figure, alt="Six pictures of clothes, 14 by 14 pixels: coarse, but you can tell what they are.")

# %% [markdown]
# ## The revolution of depth
#
# In 2012 the net that won ImageNet's challenge had 8 layers. Three years later it had 152. The slide shows
# three of these nets side by side; the table of the slides has five. Their **depth** is the number of
# layers with weights on the longest way from image to logits. Count it in the zoo's nets: a layer whose
# module is a shortcut does not count, and of the paths of an Inception module the longest does.


# %%
def counted(build, *arguments, **options):
    """Build a net that takes no memory, and count it."""
    with torch.device("meta"):
        return zoo.count(build(*arguments, **options))


print(f"{'net':10} {'year':>4} {'layers':>7} {'counted':>8} {'top-5 error':>12}  {'nets averaged'}")
winners = {}
for entry in WINNERS:
    options = {"aux": False} if entry.net == "googlenet" else {}  # its heads are for training only
    counts = winners[entry.name] = counted(zoo.build, entry.net, **options)
    numbers = f"{entry.year:4} {entry.layers:7} {counts.depth:8} {entry.top5_error:10.2f} %"
    print(f"{entry.name:10} {numbers}  {entry.averaged or 'several'}")
print("ResNet-152 alone, by its paper, on the validation set: 4.49 %")

# %%
names = [f"{entry.name}\n{entry.year}" for entry in WINNERS]
figure, (top, bottom) = figures.panels(2, 1, width=9, height=5.6)
layers, errors = [entry.layers for entry in WINNERS], [entry.top5_error for entry in WINNERS]
title = f"From {layers[0]} to {layers[-1]} layers in {WINNERS[-1].year - WINNERS[0].year} years"
figures.bars(top, names, {"": layers}, title=title, ylabel="layers with weights", form="{:.0f}")
title = f"The top-5 error falls from {errors[0]} % to {errors[-1]} %"
figures.bars(bottom, names, {"": errors}, title=title, ylabel="top-5 error (%)", form="{:.2f}")
words = ", ".join(f"{e.name} {e.layers} layers, {e.top5_error} %" for e in WINNERS)
figures.show(figure, alt=f"Two rows of bars, one for each year's net: {words}.")

# %% [markdown]
# Read such a chart with two warnings. First, the last column of the table: each of these errors is that of
# *several* nets together, and the cell's last line has the deepest net alone. Second, the nets differ in
# much more than depth. That depth itself is what helps has to be shown by nets that differ in nothing else.
# That is what the rest of this lecture does, on a small scale.
#
# ## Degradation
#
# Does it help to stack more layers? Take nets of one kind: a 3 by 3 convolution, three stages of 3 by 3
# convolutions with batch normalisation and ReLU, 8 channels at the full size, 16 at half, 32 at a quarter,
# then the average of each map and one linear layer. With $n$ pairs of layers in each stage it has $6n + 2$
# layers. This is the paper's net for small images, at half its width. Its **residual** twin has exactly the
# same layers and one thing more: around each pair leads a **shortcut**, which adds the pair's input to its
# output. A **plain** net has none. The twins have the same number of parameters.

# %%
RECIPE = training.Recipe(epochs=6, learning_rate=0.05, weight_decay=1e-4, warm_up=0.5)
DEPTHS = (8, 20, 32, 56)


def gradient_norms(net):
    """Return the norm of the loss's gradient by each convolution's weights, on 256 training images."""
    twin = deepcopy(net).train()
    functional.cross_entropy(twin(train[0][:256]), train[1][:256]).backward()
    return [float(layer.weight.grad.norm()) for layer in twin.modules() if isinstance(layer, nn.Conv2d)]


def narrow(family, depth):
    """Return the plain or residual net of a depth: three stages of 8, 16 and 32 channels."""
    blocks = (depth - 2) // 6
    stages = [(width, blocks) for width in (8, 16, 32)]
    return CifarResNet(stages, 10, in_channels=1, shortcut="A" if family == "residual" else None)


for layers in DEPTHS:
    plain, residual = (zoo.count(narrow(family, layers), (1, 14, 14)) for family in ("plain", "residual"))
    print(
        f"{layers:2} layers: {plain.parameters:7,} parameters plain, {residual.parameters:7,} residual; "
        f"{plain.macs / 1e6:4.1f} and {residual.macs / 1e6:4.1f} million multiply-adds"
    )


# %% [markdown]
# Four depths, two families, three seeds: 24 trainings of six epochs each. Along the way each net notes the
# norm of its gradient in every layer; you will need that soon.


# %%
def degradation(variant, seed):
    """Train one net, and follow its errors and its gradients."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    family, depth = variant.split()
    net = narrow(family, int(depth))
    norms = [gradient_norms(net)]
    history = training.fit(
        net, train, test, RECIPE, seed=seed, report=lambda epoch: norms.append(gradient_norms(net))
    )
    return {
        "train error": [100 * (1 - epoch.train_accuracy) for epoch in history],
        "test error": [100 * (1 - epoch.test_accuracy) for epoch in history],
        "gradients at the start": norms[0],
        "gradients after one epoch": norms[1],
        "gradients at the end": norms[-1],
    }


variants = [f"{family} {depth}" for depth in DEPTHS for family in ("plain", "residual")]
settings = {"data": "fashion_mnist, 14x14", "widths": [8, 16, 32], **asdict(RECIPE)}
depths = training.experiment("10_plain_residual", degradation, variants, settings=settings)
depths

# %%
figure, panels = figures.panels(1, 2, width=10, height=3.6)
for axes, family in zip(panels, ("plain", "residual"), strict=True):
    runs = {}
    for layers in DEPTHS:
        what = f"{family} {layers}", "train error"
        runs[f"{layers} layers"] = depths.mean(*what), depths.interval(*what)
    ends = [means[-1] for means, _ in runs.values()]
    title = f"{family.capitalize()}: {DEPTHS[0]} layers {ends[0]:.1f} %, {DEPTHS[-1]} layers {ends[-1]:.1f} %"
    epochs, ylabel = np.arange(1, len(runs["8 layers"][0]) + 1), "training error (%), mean ± 95 % interval"
    figures.bands(axes, epochs, runs, title=title, xlabel="epoch", ylabel=ylabel)
    axes.set_ylim(0, 100)
words = "Left, plain nets: the deeper, the higher the curve, and 56 layers far above. Right, residual nets"
figures.show(figure, alt=f"Training error over the epochs. {words}: all depths fall together.")

# %%
FAMILY_OF_NET, WHAT = ("plain", "residual"), ("train error", "test error")
final = {}
print("error in % after the last epoch, mean over three seeds ± half the 95 % interval")
print("layers " + " ".join(f"{family + ', ' + what:>22}" for what in WHAT for family in FAMILY_OF_NET))
for layers in DEPTHS:
    keys = [(family, layers, what) for what in WHAT for family in FAMILY_OF_NET]
    for family, _, what in keys:
        key = f"{family} {layers}", what
        final[family, layers, what] = depths.mean(*key)[-1], depths.interval(*key)[-1]
    print(f"{layers:6} " + " ".join("{:15.1f} ± {:4.1f}".format(*final[key]) for key in keys))

figure, panels = figures.panels(1, 2, width=10, height=3.4)
for axes, what in zip(panels, WHAT, strict=True):
    runs = {name: np.transpose([final[name, layers, what] for layers in DEPTHS]) for name in FAMILY_OF_NET}
    more = [means[-1] - means[0] for means, _ in runs.values()]
    title = f"{what.capitalize()}, 8 to 56 layers: plain {more[0]:+.1f}, residual {more[1]:+.1f}"
    figures.bands(axes, DEPTHS, runs, title=title, xlabel="layers", ylabel="error (%), mean ± 95 % interval")
words = "the plain curve climbs steeply with depth, the residual one stays low"
figures.show(figure, alt=f"Error against depth, left on the training set, right on the test set: {words}.")

# %% [markdown]
# This is **degradation**: from some depth on, more layers make a net *worse*. Look at which error it is. A
# net that overfits has a low training error and a high test error. Here the *training* error climbs. The
# deeper net does not even learn what it is shown.
#
# The residual twins show none of it. From 8 to 20 layers their training error falls. From 20 layers on the
# intervals overlap: more depth does no harm, and on this small task, in six epochs, it brings nothing that
# could be told from chance. On the test pictures the intervals of all four depths overlap. The paper has
# the same two facts on a large task, where the depth pays: in percent, top-1 error on ImageNet.

# %%
published = {("plain", 18): 27.94, ("plain", 34): 28.54, ("residual", 18): 27.88, ("residual", 34): 25.03}
for family in FAMILY_OF_NET:
    shallow, deep = published[family, 18], published[family, 34]
    a, b, c = (final[family, layers, "train error"][0] for layers in (8, 20, 56))
    print(
        f"{family:8}  paper: 18 layers {shallow}, 34 layers {deep}, better by {shallow - deep:5.2f};",
        end="  ",
    )
    print(f"here: 20 layers better than 8 by {a - b:5.1f}, 56 better than 20 by {b - c:5.1f}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
worse = final["plain", 56, "train error"][0] > final["plain", 8, "train error"][0]
question(
    "The plain net of 56 layers has a higher test error than the one of 8. Is that overfitting?",
    [
        ("Yes: it has more parameters", False, "More parameters, but look at its error on the training set."),
        ("No: its training error is higher too", worse, "It fails on what it has seen. That is degradation."),
        ("Yes: its test error rises while it trains", False, "The table compares depths, not epochs."),
        ("No: the test set is too small to tell", not worse, "The intervals are far apart."),
    ],
)

# %% [markdown]
# ## The deeper net ought to be no worse
#
# Why is that strange? Because a deeper net *can* do what a shallower one does. Take the net of 8 layers,
# put further blocks between its own, and set them so that they hand on their input unchanged. The new net
# has 56 layers and gives exactly the old logits. It is there, among all settings of the weights. Training
# does not find it, or anything better.
#
# Build it. In a residual block the last thing before the sum is a batch normalisation with a factor (its
# weight) for each channel. Set the factors of the new blocks to 0, and their layers are silent.

# %%
shallow, deep = narrow("residual", 8).eval(), narrow("residual", 56).eval()
deep.load_state_dict(shallow.state_dict(), strict=False)  # the first block of each stage
for stage in (deep.stage1, deep.stage2, deep.stage3):
    for block in stage[1:]:
        nn.init.zeros_(block.bn2.weight)
with torch.no_grad():
    images = test[0][:100]
    apart = (deep(images) - shallow(images)).abs().max()
print(f"8 layers, and 56 built around them: logits differ by at most {apart:g}")

# %% [markdown]
# The same in a plain net takes more. A silent layer hands on nothing. The new layers have to become copies:
# a kernel with a 1 in the middle of the right channel, and 0 everywhere else. And in training batch
# normalisation, which subtracts each channel's mean, disturbs even that.

# %%
x = torch.relu(torch.randn(32, 8, 7, 7))
for name, shortcut in (("residual", "A"), ("plain", None)):
    block = BasicBlock(8, 8, 1, shortcut).eval()
    for layer in (block.conv1, block.conv2):
        nn.init.zeros_(layer.weight)
    print(f"{name:8} all weights 0: {'output = input' if torch.equal(block(x), x) else 'output = 0'}")
copying = BasicBlock(8, 8, 1, None).eval()
for layer in (copying.conv1, copying.conv2):
    nn.init.dirac_(layer.weight)
ones, zeros = ((copying.conv1.weight == value).sum().item() for value in (1, 0))
print(
    f"plain, each kernel {ones} ones and {zeros} zeros: off by {(copying(x) - x).abs().mean():.1e} on average"
)
print(f"and with the batch normalisation of training by {(copying.train()(x) - x).abs().mean():.2f}")

# %% [markdown]
# ## The residual module
#
# The idea of the paper follows from this. If a good block is often close to "hand on what you got", then
# make that the point where learning starts, and let the layers learn the *difference*. Call what a block
# should compute $H(x)$. A plain block has to be $H$. In a residual block the layers have to be
# $F(x) = H(x) - x$, the **residual**, because
#
# $$y = \mathrm{ReLU}(F(x) + x)$$
#
# The way around the layers is the **shortcut**, also *skip connection*. Where $H$ is the identity, $F$ is
# 0. Shortcuts were not new: the highway networks of the same year had them with gates, which have weights
# and may close. Here they are bare, and always open.

# %%
figure, (top, bottom) = figures.panels(2, 1, width=9.5, height=4)
layers = ["3×3, C", "BN, ReLU", "3×3, C", "BN"]
figures.residual_block(bottom, layers, title="The residual block adds its input", shortcut="x, as it is")
figures.residual_block(top, layers, title="A plain pair of layers", shortcut=None)
figures.show(figure, alt="Above: layers in a row. Below: the same, and a line past them to a sum.")

# %% [markdown]
# Is "close to the identity" really easier with a shortcut? Let both blocks learn it. The input is what the
# first layer of a net makes of real pictures, the target is the input itself. Both start from the same
# weights and take the same steps; the error is the mean square of output minus target, as a share of the
# target's.

# %%
torch.manual_seed(0)
with torch.no_grad():
    x = narrow("plain", 8).conv1(train[0][:64])
errors = {}
for name, shortcut in (("plain", None), ("residual", "A")):
    torch.manual_seed(0)
    block = BasicBlock(8, 8, 1, shortcut)
    optimizer = torch.optim.SGD(block.parameters(), lr=0.1, momentum=0.9)
    errors[name] = []
    for _ in range(60):
        error = (block(x) - x).square().mean() / x.square().mean()
        errors[name].append(error.item())
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
last = {name: values[-1] for name, values in errors.items()}
figure, (axes,) = figures.panels(width=9, height=3)
title = (
    f"Learning to copy: after 60 steps {last['plain']:.1%} is missing plain, {last['residual']:.1%} residual"
)
figures.profiles(
    axes, np.arange(60), errors, title=title, xlabel="step", ylabel="error (share of the target)"
)
axes.set_yscale("log")
figures.show(figure, alt="Two curves on a log scale that fall; the residual block's ends far lower.")

# %% [markdown]
# ## Two ways back
#
# Now backwards. Leave the last ReLU aside, and $y = F(x) + x$. The derivative of a sum is a sum:
#
# $$\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}\frac{\partial F}{\partial x}
# + \frac{\partial L}{\partial y}$$
#
# The gradient from above takes both ways, and by the shortcut it arrives *unchanged*, whatever the weights
# are. Turn the layers' loudness down, by the factor of their last batch normalisation, and watch what comes
# back through a plain and through a residual block.

# %%
x, dy = torch.relu(torch.randn(32, 8, 7, 7)).requires_grad_(), torch.randn(32, 8, 7, 7)
returned = {"plain": [], "residual": []}
factors = (1.0, 0.3, 0.1, 0.01, 0.0)
for name, shortcut in (("plain", None), ("residual", "A")):
    torch.manual_seed(0)
    block = BasicBlock(8, 8, 1, shortcut)
    for factor in factors:
        nn.init.constant_(block.bn2.weight, factor)
        (dx,) = torch.autograd.grad(block(x), x, dy)
        returned[name].append((dx.norm() / dy.norm()).item())
print("factor of the last batch norm", *(f"{factor:6}" for factor in factors))
for name, shares in returned.items():
    print(f"{name + ': |dx| / |dy|':29}", *(f"{share:6.3f}" for share in shares))

# %% [markdown]
# With factor 0 the plain block is a wall, and the residual one is the ReLU's gate: half of the input is
# exactly 0, and there the gradient stops.
#
# ## Through a hundred blocks
#
# Then is this what ails deep plain nets, that the gradient dies on the long way back? Measure it. Chain 100
# blocks of two layers, send pictures' features forwards and a random gradient backwards, and note the size
# of both at each block. Do it for plain and residual blocks, with and without batch normalisation. The
# weights are fresh, with the variance $2/\text{fan-in}$ that ought to keep the signal's size through ReLU.

# %%
torch.manual_seed(0)
with torch.no_grad():
    x0 = narrow("plain", 8).conv1(train[0][:64])[..., ::2, ::2]
chains = {}
for norm in ("batch norm", "no norm"):
    for family, shortcut in (("plain", None), ("residual", "A")):
        torch.manual_seed(1)
        at = [x0.clone().requires_grad_()]
        for _ in range(100):
            block = BasicBlock(8, 8, 1, shortcut)
            for layer in (block.conv1, block.conv2):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if norm == "no norm":
                block.bn1 = block.bn2 = nn.Identity()
            at.append(block(at[-1]))
        gradients = torch.autograd.grad(at[-1], at, torch.randn_like(at[-1]))
        for parts in (at, gradients):
            sizes = [part.detach().square().mean().sqrt().item() for part in parts]
            chains.setdefault(f"{family}, {norm}", []).append(np.array(sizes))

print("the gradient at the input as a multiple of the one from above, for chains of 2 to 100 blocks")
for name, (_, gradient) in chains.items():
    shares = (f"{n}: {gradient[100 - n] / gradient[100]:.1e}" for n in (2, 10, 20, 50, 100))
    print(f"{name:21}", "   ".join(shares))
figure, panels = figures.panels(1, 2, width=10, height=3.8)
for side, (axes, title) in enumerate(zip(panels, ("The signal", "The gradient"), strict=True)):
    curves = {name: chain[side] for name, chain in chains.items()}
    title, ylabel = f"{title} over 100 blocks", "root mean square (log scale)"
    figures.profiles(axes, np.arange(101), curves, title=title, xlabel="behind block", ylabel=ylabel)
    axes.set_yscale("log")
words = "; ".join(
    f"{name}: signal {s[0]:.1g} to {s[-1]:.1g}, gradient {g[-1]:.1g} above, {g[0]:.1g} at the input"
    for name, (s, g) in chains.items()
)
figures.show(figure, alt=f"Signal and gradient on log scales. {words}.")

# %% [markdown]
# Read it curve by curve. *Plain, no normalisation*: signal and gradient shrink; with few channels and a
# frame of zeros in each layer, the variance that ought to keep them does not quite. That is the **vanishing
# gradient**. *Plain, batch normalisation*: the signal is held at one size by force, and the gradient
# **explodes** on its way back. *Residual, no normalisation*: each block adds about as much as it gets, and
# both grow without bound. *Residual, batch normalisation*: the signal grows like a sum of equal parts,
# slowly, and the gradient changes most in the first blocks, where the sum is still short. It is the only
# one of the four whose numbers can be written without powers of ten, and it takes both ingredients.
#
# These are fresh weights. The nets that you trained above have batch normalisation, all of them. Here are
# the gradients that they noted, layer by layer, at the start and after one epoch, for 56 layers.

# %%
figure, panels = figures.panels(1, 2, width=10, height=3.6)
for axes, when in zip(panels, ("at the start", "after one epoch"), strict=True):
    curves = {name: depths.mean(f"{name} 56", f"gradients {when}") for name in FAMILY_OF_NET}
    plain, residual = (norms[0] / norms[-1] for norms in curves.values())
    title = f"{when.capitalize()}: first / last is {plain:,.3g} and {residual:,.3g}"
    layers, ylabel = np.arange(1, 56), "norm of the weights' gradient (log)"
    figures.profiles(axes, layers, curves, title=title, xlabel="convolution, from the image", ylabel=ylabel)
    axes.set_yscale("log")
figures.show(
    figure, alt="Gradient norms of 55 convolutions on log scales, plain and residual, at two moments."
)
for when in ("at the start", "after one epoch", "at the end"):
    print(f"largest / smallest layer, {when:16}", end="")
    for variant in ("plain 8", "plain 56", "residual 8", "residual 56"):
        norms = depths.mean(variant, f"gradients {when}")
        print(f"  {variant}: {norms.max() / norms.min():6.1f}", end="")
    print()

# %% [markdown]
# At the start the deep plain net is lopsided: its first layers get gradients hundreds of times as large as
# its last ones. One epoch later the picture has turned round, and the first layers get less than the
# others, by ten times or more. In the residual net all layers stay within a factor of a few, from start to
# end.
#
# So do not say that "the gradient vanishes". In nets without normalisation it does, and careful initial
# weights and batch normalisation were the remedies, before ResNet. The paper checked that its plain nets
# have gradients of healthy size at every layer, and left open why they train so slowly. What you measured
# is the symptom: the layers of a deep plain net do not pull together, and those of a residual net do.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
explodes = chains["plain, batch norm"][1][0] > 1e6 and chains["plain, no norm"][1][0] < 1e-3
question(
    "What happens to the gradient in a deep *plain* net with fresh weights and batch normalisation?",
    [
        ("It vanishes towards the image", False, "That is the net without normalisation."),
        ("It grows towards the image", explodes, "By a factor in each block: see the table of chains."),
        ("It keeps its size: batch normalisation sees to that", False, "It does so forwards, not backwards."),
        ("It is 0: all ReLUs are off", False, "Behind a batch normalisation about half of them are on."),
    ],
)

# %% [markdown]
# ## Two kinds of block
#
# The nets of 18 and 34 layers, and your narrow ones, have **basic blocks** of two 3 by 3 convolutions. From
# 50 layers on the blocks are **bottlenecks**: a 1 by 1 convolution to a quarter of the channels, the 3 by 3
# there, and a 1 by 1 back. You know the trick from lecture 9: the expensive layer works where there are few
# channels. So a bottleneck carries four times as many channels at about the price of a basic block.

# %%
figure, (top, bottom) = figures.panels(2, 1, width=10, height=4.4)
layers, title = ["3×3, 64", "BN, ReLU", "3×3, 64", "BN"], "Basic block: two layers, 64 channels"
figures.residual_block(top, layers, title=title, shortcut="64 channels")
layers = ["1×1, 64", "BN, ReLU", "3×3, 64", "BN, ReLU", "1×1, 256", "BN"]
title = "Bottleneck: three layers, 256 channels"
figures.residual_block(bottom, layers, title=title, shortcut="256 channels")
words = "with 1×1 to 64, 3×3 of 64, 1×1 to 256 channels. Both add their input before the last ReLU"
figures.show(figure, alt=f"A basic block: two 3×3 convolutions of 64 channels; a bottleneck {words}.")
blocks = {
    "basic, 64 channels": (BasicBlock(64, 64, 1, "A"), 64),
    "bottleneck, 256 channels": (Bottleneck(256, 64, 1, "A", "1x1"), 256),
    "basic, 256 channels": (BasicBlock(256, 256, 1, "A"), 256),
}
for name, (block, channels) in blocks.items():
    counts = zoo.count(block, (channels, 56, 56))
    print(f"{name:25} {counts.parameters:9,} parameters, {counts.macs:13,} multiply-adds at 56×56")

# %% [markdown]
# ## Shortcuts that change shape
#
# Where a stage begins, the map loses half of its rows and columns and gets twice the channels. The input no
# longer fits the output, and the shortcut has to make it fit. The paper has two **options**.
#
# - **A**, without parameters: take every second row and column, and fill the new channels with zeros.
# - **B**, a *projection*: a 1 by 1 convolution with stride 2, and a batch normalisation.
#
# Both have one thing in common: they read one pixel in four. (Option C projects in every block. The paper
# found it hardly better and dropped it.)

# %%
pictures = load("photographs")
photo = pictures.images[pictures.class_names.index("coffee cup")] / 255 - 0.5
photo = torch.from_numpy(photo).float()[None, :, 40:200, 60:220]
colours, unit = ["red", "green", "blue"], "value − ½"
figure, (left, right) = figures.panels(1, 2, width=10, height=3)
title = "Input: 3 channels of 160×160"
figures.feature_maps(left, photo[0], title=title, labels=colours, columns=3, unit=unit)
new, title = make_shortcut("A", 3, 6, 2)(photo)[0], "Option A: 6 channels of 80×80"
figures.feature_maps(right, new, title=title, labels=[*colours, *3 * ["new"]], columns=3, unit=unit)
figures.show(figure, alt="A cup's red, green and blue channel; the same three, coarser, and three of zeros.")
for kind in "AB":
    shortcut = make_shortcut(kind, 64, 128, 2)
    counts = zoo.count(shortcut, (64, 56, 56))
    shape = tuple(shortcut(torch.zeros(1, 64, 56, 56)).shape[1:])
    print(
        f"option {kind}: 64×56×56 to {shape}, {counts.parameters:,} parameters, {counts.macs:,} multiply-adds"
    )

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
free = zoo.count(make_shortcut("A", 64, 128, 2), (64, 56, 56)).parameters == 0
question(
    "Which shortcut lets you compare a plain and a residual net with equally many parameters?",
    [
        ("A", free, "It has none of its own. The trainings above use it for this reason."),
        ("B", not free, "A projection is a convolution, and has weights."),
        ("neither: adding costs parameters too", False, "A sum has none."),
    ],
)

# %% [markdown]
# ## Where the stride sits
#
# A bottleneck has three convolutions. Which of them takes the stride of 2? In the paper it is the *first 1
# by 1*. Most libraries moved it to the *3 by 3*, and papers since then call this net "ResNet v1.5" or "B".
# It matters more than it looks. A 1 by 1 with stride 2 looks at one pixel in four, and so does the
# shortcut: three quarters of the map are never read by anyone.

# %%
x = torch.rand(1, 16, 8, 8, requires_grad=True)
figure, panels = figures.panels(1, 2, width=8, height=3.2)
for axes, where in zip(panels, ("1x1", "3x3"), strict=True):
    block = Bottleneck(16, 8, 2, "B", where).eval()
    (dx,) = torch.autograd.grad(block(x), x, torch.rand(1, 32, 4, 4))
    read = (dx != 0).any(dim=1)[0].float()
    title = f"Stride in the {where}: {read.mean():.0%} of the pixels are read"
    figures.picture(axes, read, title=title)
    counts = zoo.count(Bottleneck(256, 128, 2, "B", where), (256, 56, 56))
    print(f"stride in the {where}: {counts.macs:,} multiply-adds in the first block of conv3_x")
figures.show(figure, alt="Left: every second pixel of every second row is white, that is, read. Right: all.")

# %% [markdown]
# ## The table of ResNets
#
# Now the slide's table can be recomputed. A column lists for each stage the kernel sizes, the channels and
# how often the block is repeated. Here is the column of 50 layers as a net, a row a stage; the picture
# draws the outputs to scale.

# %%
counts = counted(zoo.build, "resnet50")
figure, (axes,) = figures.panels(width=9.5, height=4)
zoo.draw(
    axes,
    counts,
    title="ResNet-50: from conv3_x on, each stage halves the map and doubles the channels",
    depth=1,
)
words = ", ".join("×".join(map(str, row.output_shape)) for row in counts.by_module(1)[:6])
figures.show(figure, alt=f"Blocks that get smaller and longer: {words}, the average and 1,000 logits.")
zoo.table(counts, depth=1)

# %% [markdown]
# The slide's last row is "FLOPs". Compute it with each choice of the last two sections, in $10^9$
# *multiply-adds*, for an image of 224 by 224.

# %%
SLIDE = {18: 1.8, 34: 3.6, 50: 3.8, 101: 7.6, 152: 11.3}
COLUMNS = {layers: getattr(resnet, f"LAYERS_{layers}") for layers in SLIDE}
resnets = {}
print("net  slide   shortcut, stride of bottlenecks: multiply-adds in 10^9          parameters (B)  layers")
for layers, stages in COLUMNS.items():
    bottleneck, line = layers >= 50, f"{layers:3} {SLIDE[layers]:6}   "
    for shortcut, where in (("A", "1x1"), ("B", "1x1"), ("B", "3x3")):
        if where == "3x3" and not bottleneck:
            line += " " * 20
            continue
        options = {"bottleneck": bottleneck, "shortcut": shortcut, "stride_in": where}
        counts = resnets[layers, shortcut, where] = counted(ResNet, stages, **options)
        billions = counts.macs / 1e9
        rounded, cut = round(billions, 1) == SLIDE[layers], int(10 * billions) / 10 == SLIDE[layers]
        mark = "=" if rounded else "~" if cut else " "
        line += f"{shortcut + ', ' + where if bottleneck else shortcut:6}: {billions:6.3f} {mark}    "
    print(f"{line}{resnets[layers, 'B', '1x1'].parameters:12,} {counts.depth:8}")
print("=: the slide's figure, rounded to one digit behind the point.  ~: cut off there, not rounded")

# %% [markdown]
# So the row can be reproduced, and it takes four remarks. The figures are **multiply-adds**: count a
# multiplication and an addition as two operations, and all of them double. The nets of 18 and 34 have
# shortcuts A, the others B, with the stride where the paper has it. And one figure is cut off and not
# rounded. A library's ResNet-50 has the stride in the 3 by 3 and needs more: compare before you quote.
#
# Hold the deepest against VGG-19: it is deeper by far, and cheaper.

# %%
vgg, deepest = winners["VGG"], resnets[152, "B", "1x1"]
for name, counts in (("VGG-19", vgg), ("ResNet-152", deepest)):
    print(f"{name:11} {counts.macs / 1e9:5.1f} · 10^9 multiply-adds, {counts.parameters:11,} parameters")
share = sum(row.macs for row in vgg.layers if row.output_shape[1:] in ((224, 224), (112, 112))) / vgg.macs
print(f"VGG-19 spends {share:.0%} on maps of 224×224 and 112×112; a ResNet is at 56×56 after one convolution")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
paper, library = resnets[50, "B", "1x1"].macs, resnets[50, "B", "3x3"].macs
question(
    "A library says that its ResNet-50 takes 4.1 GFLOPs, the slide says 3.8. What is the difference?",
    [
        ("Operations against multiply-adds", False, "That would be a factor of 2. Both count multiply-adds."),
        ("Option A against option B", False, "Both have projections; A would make it less than 3.8."),
        (
            "The stride: 3 by 3 against 1 by 1",
            library > 1.05 * paper,
            "The 1 by 1 before it then works on all.",
        ),
        ("The library counts batch normalisation", False, "That is far too little to matter here."),
    ],
)

# %% [markdown]
# ## Dense connections
#
# A residual block adds its input to its output. A **dense** layer keeps both, side by side. With
# $[\,\cdot\,]$ for maps behind one another along the channels, layer $\ell$ of a **dense block** computes
#
# $$x_\ell = H_\ell([x_0, x_1, \dots, x_{\ell-1}])$$
#
# where a residual block has $x_\ell = H_\ell(x_{\ell-1}) + x_{\ell-1}$. So every layer reads the block's
# input and what *each* layer before it made. Layer $\ell$ has $\ell$ sources; a block of $L$ layers has
# $1 + 2 + \dots + L = L(L+1)/2$ connections where a chain has $L$.
#
# Addition and concatenation differ in what is left. After a sum nobody can tell the parts. After a
# concatenation each part is still there, bit for bit, at the end of the block.

# %%
x = torch.relu(torch.randn(8, 6, 7, 7))
with torch.no_grad():
    dense = DenseBlock(6, layers=5, growth=4)(x)
    residual = BasicBlock(6, 6, 1, "A")(x)
print("dense block   ", tuple(x.shape[1:]), "to", tuple(dense.shape[1:]), end="; ")
print("the input is still there, unchanged:", torch.equal(dense[:, :6], x))
print("residual block", tuple(x.shape[1:]), "to", tuple(residual.shape[1:]), end="; ")
print("the input is still there, unchanged:", torch.equal(residual, x))
for length in (6, 24):
    print(f"{length:2} layers: {sum(len(range(layer)) for layer in range(1, length + 1))} connections")

# %% [markdown]
# And what can a reader do with it? A convolution over two maps side by side is the sum of two convolutions,
# one for each, with weights of its own. A convolution over their sum is the same with *one* kernel for
# both. So addition is concatenation with tied weights. The reader of a concatenation can weigh each source
# as it likes, and pays for it with a longer kernel.

# %%
a, b, w = torch.randn(1, 4, 5, 5), torch.randn(1, 4, 5, 5), torch.randn(3, 4, 1, 1)
side_by_side = functional.conv2d(torch.cat([a, b], dim=1), torch.cat([w, w], dim=1))
print("equal:", torch.allclose(side_by_side, functional.conv2d(a + b, w), atol=1e-5))

# %% [markdown]
# ## Growth
#
# How many maps does a layer add? All layers of a net add the same number, the **growth rate** $k$: 32 in
# the slide's nets. That looks small against the hundreds of channels of a ResNet. But a layer need not
# repeat what others have found; it only adds to the common store. The input of layer $\ell$ has
# $k_0 + (\ell - 1)\,k$ channels. Here is the first block of DenseNet-121: 64 channels come in, six layers
# add 32 each.

# %%
figure, (axes,) = figures.panels(width=9.5, height=3.4)
title = "Dense block 1 of DenseNet-121: every layer reads all before it"
figures.dense_channels(axes, first=64, growth=32, layers=6, title=title)
figures.show(figure, alt="Bars, longer by 32 channels from row to row: layer 1 reads 64, layer 6 reads 224.")

# %% [markdown]
# Reading much is expensive for a 3 by 3 kernel. So a dense layer first takes a 1 by 1 convolution to $4k$
# channels, and then the 3 by 3 to $k$. In the first layers of a net that costs more than it saves; the more
# a layer reads, the better it pays. (In each of the two, batch normalisation and ReLU come *before* the
# convolution. The next layers read the bare output of the convolution and normalise it as each of them
# needs.)

# %%
print("channels read:  3×3 straight to 32   1×1 to 128, then 3×3 to 32   (weights of convolutions)")
for reads in (64, 224, 480, 992):
    straight = nn.Conv2d(reads, 32, 3, padding=1, bias=False).weight.numel()
    layer = DenseLayer(reads, 32)
    both = layer.conv1.weight.numel() + layer.conv2.weight.numel()
    print(f"{reads:13}   {straight:18,}   {both:27,}   {straight / both:.2f} times")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
leaves = DenseBlock(24, 10, 12)(torch.zeros(2, 24, 2, 2)).shape[1]
question(
    "24 channels enter a dense block of 10 layers with growth rate 12. How many leave it?",
    [
        ("12", leaves == 12, "The last layer alone makes 12. All that was read leaves with them."),
        ("120", leaves == 120, "These are the new ones. The block's input leaves too."),
        ("144", leaves == 144, "$24 + 10 \\cdot 12$: the input, and 12 from each layer."),
        ("36", leaves == 36, "That is what the second layer reads."),
    ],
)

# %% [markdown]
# ## Blocks and transitions
#
# Concatenation needs maps of one size. So a DenseNet consists of dense blocks, inside of which rows and
# columns stay, and **transitions** between them: batch normalisation, ReLU, a 1 by 1 convolution to half of
# the channels, and average pooling of 2 by 2 with stride 2. Follow the shapes through DenseNet-121.

# %%
dense121 = counted(zoo.build, "densenet121")
figure, (axes,) = figures.panels(width=10, height=3.8)
title = "DenseNet-121: blocks make more maps, transitions halve their number and their sides"
zoo.draw(axes, dense121, title=title, depth=1)
shapes = {row.name: row.output_shape for row in dense121.by_module(1)}
figures.show(figure, alt="Blocks to scale: " + ", ".join(f"{n} {s}" for n, s in shapes.items()) + ".")
zoo.table(dense121, depth=1)

# %% [markdown]
# The slides say of a dense block that its feature volume stays constant, and of a transition that it halves
# the volume and the maps. A **volume** is channels times rows times columns. Compute its change in each
# part.

# %%
before = shapes["pool"]
for name, shape in shapes.items():
    if name.startswith(("block", "transition")):
        old, new = np.prod(before), np.prod(shape)
        print(f"{name:12} {before!s:15} to {shape!s:15}: volume {old:7,} to {new:7,}, × {new / old:.3f}")
        before = shape
blocks, transitions = (sum(part in name for name in shapes) for part in ("block", "transition"))
print(f"{transitions} transitions behind {blocks} blocks")

# %% [markdown]
# So in a block *rows and columns* stay, and the volume grows. In a transition each *side* is halved, and so
# is the number of maps: of the volume an eighth is left. And behind the last block there is no transition,
# but the average of each map.
#
# ## The four DenseNets
#
# The slide's last table has four nets, which differ in the lengths of their blocks. Count them: layers with
# weights, parameters, multiply-adds. Their names are to be the number of layers. Are they?

# %%
dense_nets = {}
print(f"{'net':12} {'layers':>6} {'parameters':>12} {'multiply-adds':>15} {'numbers concatenated':>21}")
for name in (121, 169, 201, 264):
    counts = dense_nets[name] = counted(zoo.build, f"densenet{name}")
    copied = sum(row.values for row in counts.layers if row.kind == "concatenation")
    remark = "" if counts.depth == name else f"  <- its name says {name}"
    print(f"DenseNet-{name} {counts.depth:6} {counts.parameters:12,} {counts.macs:15,} {copied:21,}{remark}")

# %% [markdown]
# The last column is the price that neither parameters nor multiply-adds show. A concatenation copies. Layer
# after layer writes all that it has read once more, and in training all of it is kept for the way back.
# Good implementations share this memory; a plain one, as here, needs much.
#
# Lay them beside the ResNets. The paper finds that DenseNet-201 errs about as often as ResNet-101, one net
# against one. Compare the bars of these two.

# %%
pairs = {f"Res\n{n}": resnets[n, "B", "1x1"] for n in (50, 101, 152)}
pairs |= {f"Dense\n{n}": counts for n, counts in dense_nets.items()}
amounts = {
    "parameters (millions)": [counts.parameters / 1e6 for counts in pairs.values()],
    "multiply-adds (10⁹)": [counts.macs / 1e9 for counts in pairs.values()],
}
figure, panels = figures.panels(1, 2, width=10, height=3.4)
for axes, (what, values) in zip(panels, amounts.items(), strict=True):
    title = f"DenseNet-201 has {values[5] / values[1]:.0%} of ResNet-101's {what.split()[0]}"
    figures.bars(axes, list(pairs), {"": values}, title=title, ylabel=what, form="{:.1f}")
words = (f"{n.split()} {c.parameters / 1e6:.1f} million, {c.macs / 1e9:.1f}" for n, c in pairs.items())
figures.show(figure, alt="Bars, parameters and multiply-adds: " + "; ".join(words) + ".")

# %% [markdown]
# ## Four families at one price
#
# GoogLeNet, ResNet and DenseNet were trained by different people with different recipes. Which *idea* is
# worth more? Compare them where all else is equal: the same pictures, the same trainer, the same number of
# parameters, about 250,000. The nets of `course_utils.zoo.small` have a 3 by 3 convolution, three stages,
# the average of each map and one linear layer. What differs is what the stages are made of. The fourth is a
# ResNet with **pre-activation**, a later paper by the authors of ResNet: batch normalisation and ReLU stand
# before each convolution, as in DenseNet, and behind the sum stands nothing. So its shortcuts are a clear
# way from end to end.

# %%
BUDGET = training.Recipe(epochs=4, learning_rate=0.05, warm_up=0.5, augment=training.random_flip)
FAMILIES = ["googlenet_small", "resnet_small", "preact_resnet_small", "densenet_small"]


def equal_budget(variant, seed):
    """Train one of the small nets, and take the processor's time for an epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = zoo.build(variant, in_channels=1)
    begin = process_time()
    history = training.fit(net, train, test, BUDGET, seed=seed)
    return {
        "train accuracy": [100 * epoch.train_accuracy for epoch in history],
        "test accuracy": [100 * epoch.test_accuracy for epoch in history],
        "seconds an epoch": (process_time() - begin) / len(history),
    }


settings = {"data": "fashion_mnist, 14x14", **asdict(BUDGET), "augment": "random_flip"}
budget = training.experiment("10_equal_budget", equal_budget, FAMILIES, settings=settings)
budget

# %%
ACCURACIES = (89.70, 91.06, 91.07, 90.23)  # published, in the order of FAMILIES
print(
    "net                  layers parameters  MMACs   training, %      test, %  s/epoch    CIFAR-10, test, %"
)
runs = {}
for name, published in zip(FAMILIES, ACCURACIES, strict=True):
    counts = zoo.count(zoo.build(name, in_channels=1), (1, 14, 14))
    print(f"{name:20} {counts.depth:6} {counts.parameters:10,} {counts.macs / 1e6:6.1f}", end=" ")
    for what in ("train accuracy", "test accuracy"):
        runs[name] = budget.mean(name, what), budget.interval(name, what)
        print(f"{runs[name][0][-1]:7.1f} ± {runs[name][1][-1]:3.1f}", end=" ")
    print(f"{budget.mean(name, 'seconds an epoch'):8.1f} {published:20.2f}")
figure, (axes,) = figures.panels(width=9, height=3.6)
ends = {name.removesuffix("_small"): means[-1] for name, (means, _) in runs.items()}
high, low = max(ends, key=ends.get), min(ends, key=ends.get)
title = f"From {low}, {ends[low]:.1f} %, to {high}, {ends[high]:.1f} %, after {BUDGET.epochs} epochs"
epochs, ylabel = np.arange(1, len(runs[FAMILIES[0]][0]) + 1), "test accuracy (%), mean ± 95 % interval"
figures.bands(axes, epochs, runs, title=title, xlabel="epoch", ylabel=ylabel)
words = ", ".join(f"{name} {end:.1f} %" for name, end in ends.items())
figures.show(figure, alt=f"Test accuracy over the epochs, four curves with bands. They end at: {words}.")

# %% [markdown]
# The table is honest about what such a comparison can say. Three seeds, few epochs and 1,000 test pictures:
# where two intervals overlap, this experiment has not told the nets apart. The published column is a
# university's tutorial, with 200 epochs on the 50,000 pictures of CIFAR-10; there, too, the four lie close
# together. At one price in parameters the families are close. Their price in *time* is not: a parameter
# that sits in a large map, or reads a long concatenation, is used more often.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
ends = [budget.mean(name, "test accuracy")[-1] for name in FAMILIES]
halves = [budget.interval(name, "test accuracy")[-1] for name in FAMILIES]
best, worst = int(np.argmax(ends)), int(np.argmin(ends))
apart = ends[best] - halves[best] > ends[worst] + halves[worst]
question(
    "Do the intervals in the table show that the best of the four is better than the worst?",
    [
        ("Yes: its mean is higher", False, "A mean of three runs is higher than another one by chance, too."),
        (
            "Yes: their intervals do not overlap",
            bool(apart),
            "The lower end of one is above the other's upper end.",
        ),
        ("No: their intervals overlap", not apart, "More seeds or a larger test set would be needed."),
    ],
)

# %% [markdown]
# ## Feature reuse
#
# Do the layers of a DenseNet *use* what they are given, also from far back? The paper looked at the
# weights. Each layer begins with a 1 by 1 convolution over all its sources. Take the mean absolute weight
# that it gives each of them. What follows a block reads too: the transition, and behind the last block the
# linear layer.
#
# That is one measure. Here is a second one, which asks for the effect: **cut** a single connection, by
# setting its weights to 0 in the trained net, and note how much the loss on test pictures rises. Both are
# taken from three smaller DenseNets, with three blocks of five layers and growth rate 8.


# %%
def feature_reuse(variant, seed):
    """Train a small DenseNet, and measure each of its connections in two ways."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    stages = partial(small.dense_stages, layers=(5, 5, 5), growth=8)
    net = small.SmallNet(stages, 16, in_channels=1, activate=True)
    history = training.fit(net, train, test, BUDGET, seed=seed)
    net.eval()

    @torch.no_grad()
    def loss_without(weights):
        kept = weights.clone()
        weights.zero_()
        loss = functional.cross_entropy(net(test[0][:250]), test[1][:250])
        weights.copy_(kept)
        return loss

    whole = float(loss_without(torch.zeros(1)))  # cuts nothing
    return {
        "test accuracy": 100 * history[-1].test_accuracy,
        "weights": small.by_connection(net, lambda weights: weights.abs().mean()),
        "loss": whole,
        "loss when cut": small.by_connection(net, loss_without),
    }


settings = {"data": "fashion_mnist, 14x14", **asdict(BUDGET), "augment": "random_flip"}
settings |= {"layers": [5, 5, 5], "growth": 8}
connections = training.experiment("10_feature_reuse", feature_reuse, ["densenet"], settings=settings)
connections

# %% [markdown]
# In the upper row each column is divided by its mean, so that 1 means "all sources weigh alike". Below is
# the rise of the loss. The reader named "out" is what follows the block, the source named "in" the block's
# input.

# %%
weights, loss = connections.mean("densenet", "weights"), connections.mean("densenet", "loss")
weights = np.where(weights > 0, weights, np.nan)
share = weights / np.nanmean(weights, axis=1, keepdims=True)
rise = np.where(weights > 0, connections.mean("densenet", "loss when cut") - loss, np.nan)
figure, panels = figures.panels(2, 3, width=11, height=6)
names = {"sources": ["in", *"12345"], "readers": [*"12345", "out"]}
for number in range(3):
    upper, lower, title = panels[number], panels[3 + number], f"Block {number + 1}:"
    top = {"limits": (np.nanmin(share), np.nanmax(share)), "unit": "|weight| / column's mean"}
    figures.reuse(upper, share[number], title=f"{title} mean absolute weights", **names, **top)
    low = {"limits": (0, 0.5), "unit": "rise of the loss (bright from 0.5)"}
    figures.reuse(lower, rise[number], title=f"{title} the loss without it", **names, **low)
words = (
    f"Weights between {np.nanmin(share):.2f} and {np.nanmax(share):.2f}; rises up to {np.nanmax(rise):.2f}"
)
figures.show(figure, alt=f"Six triangles of numbers, sources in rows, readers in columns. {words}.")
near = np.mean([rise[:, m, m] for m in range(1, 5)])  # layer m + 1 reads layer m
far = np.mean([rise[:, n, m] for m in range(2, 5) for n in range(1, m)])
before, out = rise[:, 0, 1:5].mean(), rise[:, :, 5]
print(f"loss of the whole nets {loss:.2f}; without one connection of layers 2 to 5, on average:")
print(
    f"  to the block's input +{before:.2f}, to the layer before them +{near:.2f}, to earlier ones +{far:.2f}"
)
print(f"'out' without the block's input +{out[:, 0].mean():.2f}, without one layer +{out[:, 1:].mean():.2f}")

# %% [markdown]
# The weights say little here. After four epochs most of each weight is still its random start; the paper
# trained for hundreds, and found weights spread over many sources. The effect says more. What the layers
# lean on most is the block's input, which has the most channels; the later a layer, the less any one of its
# sources matters. What follows the block reads every layer. A single layer, on the other hand, can mostly
# be hidden from another one without much harm: the store is shared, and no connection in it is the only
# one.
#
# ## Going deeper
#
# Back to ImageNet, and to the whole course of these years. The slide shows the errors; lay beside them what
# the nets cost.

# %%
costs = {
    "parameters (millions)": [counts.parameters / 1e6 for counts in winners.values()],
    "multiply-adds (10⁹)": [counts.macs / 1e9 for counts in winners.values()],
}
names = [f"{entry.name}, {entry.layers}\n{entry.top5_error} %" for entry in WINNERS]
figure, panels = figures.panels(2, 1, width=9, height=5.6)
shares = [values[-1] / values[0] for values in costs.values()]
titles = (f"ResNet has {shares[0]:.0%} of AlexNet's parameters", f"and takes {shares[1]:.0f} times its work")
for axes, title, (what, values) in zip(panels, titles, costs.items(), strict=True):
    figures.bars(axes, names, {"": values}, title=title, ylabel=what, form="{:.3g}")
panels[-1].set_xlabel("net, layers with weights; top-5 error")
words = "; ".join(f"{what}: " + ", ".join(f"{v:.3g}" for v in values) for what, values in costs.items())
figures.show(figure, alt=f"Two rows of bars for the five nets: {words}.")
for old, new in pairwise(WINNERS):
    work = winners[new.name].macs / winners[old.name].macs
    factors = f"error × {new.top5_error / old.top5_error:.2f}, layers × {new.layers / old.layers:.1f}"
    print(f"{old.name} to {new.name}: {factors}, multiply-adds × {work:.2f}")

# %% [markdown]
# Not every step was one of depth. From AlexNet to Clarifai there is none: smaller kernels and a smaller
# stride in the first layers did it (lecture 8). GoogLeNet is hardly deeper than VGG and takes a fraction of
# the work (it is counted without the auxiliary heads of its training). And then ResNet multiplied the
# depth, at about half of VGG's work, because degradation no longer stood in the way.
#
# ## Errata
#
# > **Where the slides need a correction or a word more.**
# >
# > 1. *ResNet: ILSVRC 2015 winner* calls the last row of its table FLOPs. They are multiply-adds. 3.8 is a
# >    figure cut off. 18 and 34 are counted with shortcuts A, the others with B, and the stride in the
# >    first 1 by 1 convolution; see *The table of ResNets*.
# > 2. *DenseNet* says that ResNet solves the problem of vanishing gradients by adding the identity. Its
# >    authors say that normalisation had largely dealt with that problem, and that what they solve is
# >    degradation. With batch normalisation and fresh weights the gradient of a plain net does not vanish:
# >    it grows. The formula $x_\ell = H_\ell(x_{\ell-1}) + x_{\ell-1}$ also leaves out the ReLU behind the
# >    sum. It is exact for the later ResNet with pre-activation.
# > 3. *DenseNet* says that the feature volume within a block remains constant. Rows and columns do; the
# >    volume grows with each layer.
# > 4. *DenseNet* says that a transition halves the volume and the number of maps, and that one follows
# >    every block. The number of maps and each side are halved, so an eighth of the volume is left; the
# >    last block has none behind it.
# > 5. *DenseNet*'s column DenseNet-264 has 265 layers with weights. The other three names fit their
# >    columns.
# > 6. *Going Deeper* and the table behind it give errors of several nets averaged, for AlexNet, VGG,
# >    GoogLeNet and ResNet alike, beside the depth of one. And VGG's 19 layers are column E of its table,
# >    where the slide of VGG calls column D, with 16, the best.

# %%
rows = {n: resnets[n, "A" if n < 50 else "B", "1x1"].macs / 1e9 for n in SLIDE}
print("1. ", *(f"{n}: {SLIDE[n]} against {found:.3f};" for n, found in rows.items()))
print(f"2.  20 plain blocks, batch norm: gradient × {chains['plain, batch norm'][1][80]:.3g}")
volumes = [np.prod(shapes[name]) for name in ("pool", "block1", "transition1")]
print(f"3.  block 1 multiplies the volume by {volumes[1] / volumes[0]:g}")
print(f"4.  transition 1 divides it by {volumes[1] / volumes[2]:g}")
print("5. ", *(f"DenseNet-{name}: {counts.depth};" for name, counts in dense_nets.items()))
columns = {column: counted(zoo.build, f"vgg_{column.lower()}").depth for column in "DE"}
print("6.  layers of VGG's columns:", columns, " nets averaged:", [entry.averaged for entry in WINNERS])

# %% [markdown]
# ## What you learned
#
# - Degradation: from some depth on, plain nets get worse on the *training* set too. That is no overfitting,
#   and it is strange, because the deeper net could copy the shallower one.
# - A residual block learns what to add to its input. With silent layers it is the identity, and the
#   gradient comes back by the shortcut whatever the weights are.
# - Without normalisation a plain net's gradient vanishes; with batch normalisation it explodes at the
#   start. A shortcut and batch normalisation together keep both directions in range.
# - Option A has no parameters, option B projects. The stride in the 3 by 3 reads all of the map and costs
#   more. A bottleneck carries four times the channels for the price of a basic block.
# - The slide's FLOPs are multiply-adds.
# - A dense layer reads all before it and adds $k$ maps. Concatenation is addition with weights of one's own
#   for each source. Blocks grow, transitions leave an eighth of the volume.
# - At one price in parameters the four families lie close together. Look at intervals before you rank them.
#
# **Now you:** [exercise 9, ResNet and
# DenseNet](../exercises/ex09_resnet_densenet/ex09_resnet_densenet.ipynb). You write blocks and nets of both
# families, and its checks run them with given weights. Lecture 11 trains them on more than a few thousand
# pictures.
