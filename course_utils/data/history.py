"""ImageNet's yearly challenge as data: the winners' depth and error, and the ranking of 2012.

Slides "ImageNet", "Going Deeper" and "CNN for Image Classification on ImageNet". How many nets an entry
averaged is from the papers: Krizhevsky et al. 2012, table 2; Simonyan and Zisserman 2015, table 7; Szegedy
et al. 2015, section 7; He et al. 2016, section 4.1. Clarifai's entry has no paper; it was several
models.

>>> [entry.name for entry in WINNERS if entry.layers > 20]
['GoogLeNet', 'ResNet']
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One net of the challenge: ``top5_error`` in percent, of ``averaged`` nets together (None: not known).

    ``layers`` counts those with weights on the longest way through the net. ``net`` is its name in the zoo.
    """

    name: str
    year: int
    layers: int
    top5_error: float
    averaged: int | None
    net: str


WINNERS = (
    Entry("AlexNet", 2012, 8, 16.4, 5, "alexnet"),
    Entry("Clarifai", 2013, 8, 11.7, None, "zfnet"),
    Entry("VGG", 2014, 19, 7.3, 7, "vgg_e"),
    Entry("GoogLeNet", 2014, 22, 6.7, 7, "googlenet"),
    Entry("ResNet", 2015, 152, 3.57, 6, "resnet152"),
)
"""The slides' table. VGG came second, behind GoogLeNet."""

RANKING_2012 = (
    ("U. Toronto", 0.15315, "Deep learning"),
    ("U. Tokyo", 0.26172, "Hand-crafted features and learning models"),
    ("U. Oxford", 0.26979, "Hand-crafted features and learning models"),
    ("Xerox/INRIA", 0.27058, "Hand-crafted features and learning models"),
)
"""Team, top-5 error (a share) and what it did, best first. U. Toronto is AlexNet."""
