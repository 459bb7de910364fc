"""The field's words in a sentence each, in the order in which a newcomer needs them; and the meanings of headings."""

from collections.abc import Iterable

from markupsafe import Markup

from benchmark.display import trusted
from benchmark.display.explanations import with_code

WORDS = {
    "backbone": "The network that is trained, such as a ResNet. Every method of a comparison trains the same one.",
    "end-to-end backpropagation": (
        "The usual training: one loss at the end, whose gradient goes back through all layers. It is what all methods "
        "here do without, and what they are measured by."
    ),
    "module, K": (
        "A stretch of the backbone’s layers that learns by itself. K is how many there are: K = 1 is the whole "
        "network. The last module holds the classifier and is the output module, all others are hidden modules."
    ),
    "cut": (
        "Where one module ends and the next begins. The cut network computes the same, to the bit. K alone is not "
        "comparable between papers; the cut points are."
    ),
    "auxiliary head, local loss": (
        "Small layers on top of a hidden module that turn its output into something a loss can be computed of. The "
        "local loss is that loss. Heads are thrown away after training."
    ),
    "isolation": (
        "No gradient passes a cut: a module’s loss moves that module and its head alone. Here it is tried, not "
        "believed: it held, or it leaks."
    ),
    "lock": (
        "What makes a module wait (Jaderberg et al. 2017). Forward lock: for the output of the module before. Update "
        "lock: for the forward pass of all modules after it. Backward lock: for their backward pass. A method that "
        "removes the last two can train all modules at once."
    ),
    "weakly modular": "One forward pass through the whole network, but no backward pass through it.",
    "strictly modular": "Neither: modules learn one after the other, in phases, on the frozen ones before them.",
    "end-to-end twin": (
        "End-to-end backpropagation on the same backbone, with the same seed, initial weights, order of pictures and "
        "kind of recipe. The gap is a method’s accuracy minus its twin’s, seed by seed."
    ),
    "references": (
        "End-to-end backpropagation (e2ebp) and gradient checkpointing, which is the same training with less memory "
        "and more time. They are drawn as lines and have no rank."
    ),
    "labels of hidden modules": (
        "What the hidden modules need to know of a picture: its class (full), only whether two pictures share a class "
        "(pairs), or nothing (none). The classifier at the end always needs classes, though perhaps few."
    ),
    "seed, interval": (
        "A training is repeated with other random numbers, seeds. ± is half of the 95 % t interval of the mean over "
        "them; one seed has none, and says little."
    ),
    "suite": (
        "Data, backbone, values of K, recipe and seeds, the same for all methods. A comparison ranks methods; a smoke "
        "test only says whether they run and learn."
    ),
    "recipe": (
        "Optimiser, learning rate and the like. Shared: the suite’s, for all. Tuned: each method’s best of equally "
        "many tries. Paper: that of a paper."
    ),
    "epoch, phase": (
        "An epoch is one pass over the training pictures. Strictly modular methods train in phases, and their epochs "
        "add up."
    ),
    trusted.WORD: trusted.MEANS,
    "memory, simulated": (
        "Bytes of all tensors alive at the peak of a training step, found without computing it. Not GPU memory, which "
        "has more in it."
    ),
}


def glossary() -> Markup:
    """The words as a list of definitions."""
    return definitions(WORDS.items())


def definitions(pairs: Iterable[tuple[str, str]]) -> Markup:
    """A list of words and what they mean, with code between backticks."""
    said = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(word, with_code(meaning)) for word, meaning in pairs)
    return Markup('<dl class="bb-words">{}</dl>').format(said)
