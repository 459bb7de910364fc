"""Modules that train at the same time: each in a process, and on a device, of its own; features go downstream only.

Removing the update lock (Jaderberg et al. 2017) is a claim; here it is tried. Every process builds the whole method
from the same seeds, reads the same batches, and makes one module's part of each step (:mod:`stage`): it takes the
output of the module before it (:mod:`channel`), hands on its own as soon as it has it, and only then computes its
loss. Nothing comes back. After an epoch they exchange weights, so that all of them can evaluate.
"""
