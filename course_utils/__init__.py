"""What the notebooks and the ``course`` command import. Importing this package imports nothing heavy."""

__version__ = "0.1.0"
