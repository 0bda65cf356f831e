# %% [markdown]
# Handed in as it came.
