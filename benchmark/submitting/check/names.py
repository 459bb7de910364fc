"""Names of the checks that run in the sandbox, in their order; light, so that a first finding shows at once."""

PICTURES = "pictures.npz"  # in the scratch folder
LOADS = "loads"
CHECKS = (
    LOADS,
    "backbones",
    "isolation",
    "labels",
    "losses",
    "weights",
    "evaluation",
    "company",
    "seed",
    "resume",
    "cost",
)
