"""The branches of the literature, under the survey's families: where the objective of a hidden module comes from.

The survey (Duan & Principe, arXiv 2101.03419) divides by family first, and has the branches up to delayed gradients.
What came beside and after it is put where its learning signal comes from: through feedback weights, from an energy's
minimum, or from forward passes alone. Every method stands in one branch, and a test keeps it so.
"""

from typing import NamedTuple

NOT_PLACED = "not placed yet"


class Branch(NamedTuple):
    """Where the objective of a hidden module comes from."""

    title: str
    says: str
    methods: tuple[str, ...]


BRANCHES = (
    Branch(
        "references",
        "forward and backward through the whole network",
        ("e2ebp", "gradient_checkpointing", "deep_supervision", "supervised_contrastive"),
    ),
    Branch(
        "proxy objective",
        "each hidden module has an objective of its own, mostly by an auxiliary head or a kernel on its output",
        (
            *("predsim", "dgl", "greedy_sl", "infopro", "backlink", "contsup", "auglocal", "man", "trgl"),
            *("hsic_bottleneck", "similarity_matching"),
            *("boostresnet", "deep_cascade", "greedy_layerwise", "modular_kernel", "sufficient_labels"),
            *("layerwise_hsic", "mono_forward", "hpff", "noprop", "diffusion_blocks"),
        ),
    ),
    Branch(
        "self-supervision",
        "the same without labels: two views, neighbouring patches, or neurons that compete",
        ("gim", "loco", "blockwise_ssl", "clapp", "softhebb"),
    ),
    Branch(
        "target propagation",
        "an auxiliary model hands each module a target for its output",
        ("target_propagation", "fixed_weight_dtp", "ldrl", "counter_current"),
    ),
    Branch("synthetic gradients", "an auxiliary model predicts the gradient at a module's output", ("dni",)),
    Branch("delayed gradients", "the true gradient, of earlier steps", ("ddg", "features_replay")),
    Branch(
        "feedback",
        "other weights than the forward ones, fixed or learned, carry the error or the label to a module",
        ("fa", "dfa", "drtp", "kolen_pollack", "sign_symmetry", "weight_mirror"),
    ),
    Branch(
        "energy",
        "states settle between what comes from below and what is asked above, and weights learn from where they do",
        ("dual_propagation", "equilibrium_propagation", "predictive_coding"),
    ),
    Branch(
        "auxiliary variables",
        "outputs of modules are variables, tied to the network by a penalty",
        ("mac", "block_coordinate_descent"),
    ),
    Branch(
        "forward passes only",
        "no error goes back: modules learn from noise on a forward pass, or from a second one",
        (
            *("forward_forward", "deeper_forward", "sigprop"),
            *("forward_gradient", "local_forward_gradient", "pepita", "zeroth_order"),
        ),
    ),
    Branch("natural zero", "nothing is learned in the hidden modules", ("random_features", "untrained")),
)


def branch_of(method: str) -> str:
    """The title of a method's branch."""
    return next((branch.title for branch in BRANCHES if method in branch.methods), NOT_PLACED)
