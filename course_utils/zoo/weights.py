"""Published ImageNet weights: files of PyTorch's vision library, read into the nets of this zoo.

The library's model pages, https://docs.pytorch.org/vision/stable/models.html, list the files, their licences
and accuracies. The course ships none of them: you fetch a file once, and name it here.

>>> from course_utils.zoo.weights import load_published
>>> net = load_published("resnet50", "resnet50-0676ba61.pth").eval()  # doctest: +SKIP
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.zoo import alexnet, densenet, googlenet, resnet, vgg
from course_utils.zoo.parts import start

PAGES = "https://docs.pytorch.org/vision/stable/models.html"
CLASSES = 1000

# How published names become ours: each pattern is replaced in turn.
Rules = tuple[tuple[str, str], ...]

# In our VGG an nn.Flatten is the first layer of the classifier.
VGG: Rules = (
    (r"^classifier\.0\.", "classifier.1."),
    (r"^classifier\.3\.", "classifier.4."),
    (r"^classifier\.6\.", "classifier.7."),
)
RESNET: Rules = (
    (r"^conv1\.", "conv1.0."),
    (r"^bn1\.", "conv1.1."),
    (r"^layer1\.", "conv2_x."),
    (r"^layer2\.", "conv3_x."),
    (r"^layer3\.", "conv4_x."),
    (r"^layer4\.", "conv5_x."),
    (r"\.downsample\.", ".shortcut."),
)
DENSENET: Rules = (
    (r"\.(norm|conv)\.([12])\.", r".\1\2."),  # old files have norm.1 where newer ones have norm1
    (r"^features\.", ""),
    (r"^conv0\.", "conv.0."),
    (r"^norm0\.", "conv.1."),
    (r"^norm5\.", "norm.0."),
    (r"^denseblock(\d)\.denselayer(\d+)\.", r"block\1.layer\2."),
    (r"^classifier\.", "fc."),
)
GOOGLENET: Rules = (
    (r"^conv1\.", "features.stem.0."),
    (r"^conv2\.", "features.stem.3."),
    (r"^conv3\.", "features.stem.4."),
    (r"^inception", "features."),
    (r"\.branch1\.", ".one."),
    (r"\.branch2\.", ".three."),
    (r"\.branch3\.", ".five."),
    (r"\.branch4\.", ".pool."),
    (r"^aux1\.", "heads.4a."),
    (r"^aux2\.", "heads.4d."),
    (r"\.fc1\.", ".classifier.1."),
    (r"\.fc2\.", ".classifier.4."),
    (r"^fc\.", "classifier.3."),
    (r"\.conv\.weight$", ".0.weight"),
    (r"\.bn\.", ".1."),
)


@dataclass(frozen=True)
class Published:
    """A file of weights: its name, how its keys become ours, and which form of the net it belongs to.

    ``last`` are our names of the layers that put out classes. ``form`` are options that the weights need,
    ``usual`` options that you may change. The net takes RGB images with values from 0 to 1, from which
    ``mean`` is subtracted and which ``std`` divides, channel by channel.
    """

    file: str
    rules: Rules
    last: tuple[str, ...]
    form: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def ours(self, key: str) -> str:
        """Return our name of a tensor that the file calls ``key``."""
        for pattern, replacement in self.rules:
            key = re.sub(pattern, replacement, key)
        return key


PUBLISHED = {
    "alexnet_one_tower": Published("alexnet-owt-7be5be79.pth", (), ("classifier.6",)),
    "vgg_a": Published("vgg11-8a719046.pth", VGG, ("classifier.7",)),
    "vgg_b": Published("vgg13-19584684.pth", VGG, ("classifier.7",)),
    "vgg_d": Published("vgg16-397923af.pth", VGG, ("classifier.7",)),
    "vgg_e": Published("vgg19-dcbb9e9d.pth", VGG, ("classifier.7",)),
    "vgg_a_bn": Published("vgg11_bn-6002323d.pth", VGG, ("classifier.7",)),
    "vgg_b_bn": Published("vgg13_bn-abd245e5.pth", VGG, ("classifier.7",)),
    "vgg_d_bn": Published("vgg16_bn-6c64b313.pth", VGG, ("classifier.7",)),
    "vgg_e_bn": Published("vgg19_bn-c79401a0.pth", VGG, ("classifier.7",)),
    # Its auxiliary heads are in the file but were never trained, so that you have to ask for them.
    "googlenet_bn": Published(
        "googlenet-1378be20.pth",
        GOOGLENET,
        ("classifier.3", "heads.4a.classifier.4", "heads.4d.classifier.4"),
        usual={"aux": False},
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
    "resnet18": Published("resnet18-f37072fd.pth", RESNET, ("fc",), {"shortcut": "B"}),
    "resnet34": Published("resnet34-b627a593.pth", RESNET, ("fc",), {"shortcut": "B"}),
    "resnet50": Published("resnet50-0676ba61.pth", RESNET, ("fc",), {"shortcut": "B", "stride_in": "3x3"}),
    "resnet101": Published("resnet101-63fe2227.pth", RESNET, ("fc",), {"shortcut": "B", "stride_in": "3x3"}),
    "resnet152": Published("resnet152-394f9c45.pth", RESNET, ("fc",), {"shortcut": "B", "stride_in": "3x3"}),
    "densenet121": Published("densenet121-a639ec97.pth", DENSENET, ("fc",)),
    "densenet169": Published("densenet169-b2777c0a.pth", DENSENET, ("fc",)),
    "densenet201": Published("densenet201-c1103571.pth", DENSENET, ("fc",)),
}
"""What is published, by the name of our net."""

BUILDERS: dict[str, Callable[..., nn.Module]] = {
    **alexnet.NETS,
    **vgg.NETS,
    **googlenet.NETS,
    **resnet.NETS,
    **densenet.NETS,
}


def load_published(
    name: str, path: str | PathLike[str], *, fresh_classifier: bool = False, **options: Any
) -> nn.Module:
    """Build a net and give it published weights from the file at ``path``; nothing is downloaded.

    ``name`` is a net in ``PUBLISHED``, which also says how its images are normalised; ``options`` are those
    of the net's class, which gets the form that was published: ResNets with projections and the stride in
    the 3x3 convolution. ``fresh_classifier=True`` leaves out the file's last layer and starts a new one:
    then ``num_classes`` may be anything. The net is on the CPU and in training mode, as ``build`` returns it.

    Raises ``FileNotFoundError`` without the file, and says where to get it; ``ValueError`` for a name or an
    option that does not go with published weights, for a file that holds none, and for the first tensor
    whose name or shape is not that of the net; ``TypeError`` for an option the net lacks.
    """
    if name not in PUBLISHED:
        raise ValueError(f"no weights are published for {name!r}: there are for {', '.join(PUBLISHED)}")
    published, path = PUBLISHED[name], Path(path)
    for option, value in published.form.items():
        if options.get(option, value) != value:
            raise ValueError(f"the published {name} has {option}={value!r}, not {options[option]!r}")
    classes = options.get("num_classes", CLASSES)
    if classes != CLASSES and not fresh_classifier:
        raise ValueError(
            f"the published {name} tells {CLASSES} classes apart, not {classes}: fresh_classifier=True keeps "
            "its other layers and starts the last one anew"
        )
    # On the meta device the net costs nothing; the file's tensors become its parameters without a copy.
    with torch.device("meta"):
        net = BUILDERS[name](**{**published.form, **published.usual, **options})
    parts = {part for part, _ in net.named_modules()}
    fresh = [part for part in published.last if fresh_classifier and part in parts]
    net.load_state_dict(_state(net, name, path, fresh), strict=False, assign=True)
    for part in fresh:
        start(net.get_submodule(part).to_empty(device="cpu"))
    return net


def _state(net: nn.Module, name: str, path: Path, fresh: list[str]) -> dict[str, Tensor]:
    """Return the file's tensors under our names, without those of the parts that start fresh."""
    published, needed = PUBLISHED[name], net.state_dict()
    no_heads = not any(ours.startswith("heads.") for ours in needed)
    state = {}
    for key, tensor in _read(path, published.file).items():
        ours = published.ours(key)
        if ours.rpartition(".")[0] in fresh or (ours.startswith("heads.") and no_heads):
            continue
        if ours not in needed:
            raise ValueError(f"{path} does not fit {name}: the net has no place for its {key!r}")
        if tensor.shape != needed[ours].shape:
            theirs, here = tuple(tensor.shape), tuple(needed[ours].shape)
            raise ValueError(
                f"{path} does not fit {name}: its {key!r} has shape {theirs}, the net needs {here}"
            )
        state[ours] = tensor
    for ours, tensor in needed.items():
        if ours.endswith("num_batches_tracked"):  # files older than PyTorch 0.4.1 lack it
            state.setdefault(ours, torch.zeros((), dtype=tensor.dtype, device="cpu"))
        elif ours not in state and ours.rpartition(".")[0] not in fresh:
            raise ValueError(f"{path} does not fit {name}: it lacks what the net calls {ours!r}")
    return state


def _read(path: Path, file: str) -> Mapping[str, Tensor]:
    """Return the tensors of a file by their published names."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: the weights are published as {file} at {PAGES}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, RuntimeError, UnpicklingError) as error:
        raise ValueError(
            f"{path} holds no weights that PyTorch can read: get {file} once more, from {PAGES}"
        ) from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} holds a {type(state).__name__}, not tensors by name")
    odd = next((key for key, value in state.items() if not isinstance(value, Tensor)), None)
    if odd is not None:
        raise ValueError(f"{path} holds {odd!r}, a {type(state[odd]).__name__}, among its tensors")
    return state
