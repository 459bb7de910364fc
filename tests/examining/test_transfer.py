"""Transferability of a network between tasks: who sees which pictures, what the block, tables and charts say."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from tracks_written import identity, transfer

from benchmark.engine.pictures.data import data_root, load_splits
from benchmark.errors import UserError
from benchmark.examinations.transfer import NAMES, Options, Transfer
from benchmark.examining import targets
from benchmark.examining.estimators.transfer.trial import BASELINES, RANDOM, STATIC, SURVEY
from benchmark.examining.examination import Sat
from benchmark.examining.network import Network
from benchmark.examining.task_map import Block, Worth, task_maps
from benchmark.running.loaded import load
from benchmark.schema.suite import Cell, Suite

TASKS = {
    "low_high": [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]],
    "zero_one": [[0], [1]],
    "three_eight": [[3], [8]],
    "round_straight": [[0, 6, 8, 9], [1, 4, 7]],
}
SUITE = Suite.model_validate(
    {
        "title": "Digits",
        "dataset": "digits",
        "backbones": [{"name": "cifar_resnet8"}],
        "tasks": TASKS,
        "modules": [1],
        "recipe": {"epochs": 1, "batch": 16, "lr": 0.01},
        "seeds": 1,
        "validation": 0.25,
        "limit": 100,
    }
)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """One that nobody trained, of the task three_eight."""
    key = "cifar_resnet8_three_eight"
    cell = Cell(suite="tasks", method="untrained", variant="", backbone=key, modules=1, seed=0)
    loaded = load(cell, SUITE)
    splits = load_splits(loaded.dataset, data_root(), SUITE.validation, SUITE.limit)
    record = SimpleNamespace(accuracy=SimpleNamespace(validation_top1=61.5))
    return Network(cell, SUITE, loaded, splits, tmp_path_factory.mktemp("networks"), record)


@pytest.fixture(scope="module")
def block(network):
    return Transfer().examine(network, Options(pictures=60))


def test_a_block_has_every_score_and_the_truth_of_each_target(block):
    assert (block.backbone, block.source, block.source_accuracy) == ("cifar_resnet8", "three_eight", 61.5)
    assert [worth.target for worth in block.targets] == list(TASKS)
    for worth in block.targets:
        assert set(worth.scores) == set(NAMES)
        assert np.isfinite(list(worth.scores.values())).all()
        assert worth.truth == pytest.approx(np.mean(worth.halves), abs=1.0)
    assert np.ptp(block.targets[0].halves) < 15  # both are of both groups: 180 pictures each
    assert block.targets[1].truth > 90  # zeros and ones, even on random features


def test_truth_is_a_head_on_the_frozen_features_and_the_proxy_the_cosine_of_two_gram_matrices(network, block):
    shared = targets.pool(SUITE, 60)
    own = {}
    for name, part, limit in (("train", shared.train, 60), ("test", shared.test, None)):
        numbers = [i for i, label in enumerate(part.labels.tolist()) if label in (0, 1)]
        assert limit is None or len(numbers) == limit
        as_splits = SimpleNamespace(train=part, validation=part, test=part)
        of = Network(network.cell, SUITE, network.loaded, as_splits, network.folder, network.record)
        f = of.outputs("train", np.array(numbers), [of.places[-1]])[of.places[-1]].astype(float)
        own[name] = f / np.linalg.norm(f, axis=1, keepdims=True), part.labels[numbers].numpy()
    head = LogisticRegression(C=10, max_iter=1000).fit(*own["train"])
    assert block.targets[1].truth == pytest.approx(100 * head.score(*own["test"]))
    phi, y = own["train"]  # the last map is pooled whole and is not negative: features are φ but for their length
    upper = np.triu_indices(len(y), 1)
    gram, ideal = (phi @ phi.T)[upper], (y[:, None] == y)[upper] * 1.0
    expected = gram @ ideal / np.linalg.norm(gram) / np.linalg.norm(ideal)
    assert block.targets[1].scores[SURVEY] == pytest.approx(expected, rel=1e-4)


def test_scores_see_training_pictures_alone_and_truths_test_pictures(network, block, monkeypatch):
    whole = targets.pool(SUITE, 60)
    noise = torch.randint(0, 255, whole.test.images.shape, generator=torch.Generator().manual_seed(0))
    other = targets.Pool(whole.train, type(whole.test)(noise.to(torch.uint8), whole.test.labels))
    monkeypatch.setattr(targets, "pool", lambda suite, per_task: other)
    again = Transfer().examine(network, Options(pictures=60))
    assert [w.scores for w in again.targets] == [w.scores for w in block.targets]
    assert [w.truth for w in again.targets] != [w.truth for w in block.targets]


def test_targets_train_on_pictures_that_no_source_of_a_limited_suite_saw():
    def seen(part):
        return {bytes(image.numpy()) for image in part.images}

    shared = targets.pool(SUITE, 60)
    for backbone in SUITE.backbones:
        dataset = targets.dataset_of(SUITE, backbone.key)
        splits = load_splits(dataset, data_root(), SUITE.validation, SUITE.limit)
        assert not seen(shared.train) & (seen(splits.train) | seen(splits.validation))
    assert not seen(shared.train) & seen(shared.test)
    numbers, groups = targets.of_task(shared.train.labels, TASKS["round_straight"], 60)
    assert len(numbers) == 60
    assert groups[:30].bincount().tolist() == pytest.approx([30 * 4 / 7, 30 * 3 / 7], abs=2)  # each half, too
    assert groups.bincount().tolist() == pytest.approx([60 * 4 / 7, 60 * 3 / 7], abs=2)


def test_fine_tuning_is_an_option(network):
    part = partial(targets.of_task, groups=TASKS["zero_one"])
    shared = targets.pool(SUITE, 60)
    (shown, y), (judged, truth) = part(shared.train.labels), part(shared.test.labels)
    pictures = shared.train.at(shown).labelled(y), shared.test.at(judged).labelled(truth)
    before = {n: t.clone() for n, t in network.trained().modules.state_dict().items()}
    answers = targets.finetuned(network, "cifar_resnet8_zero_one", *pictures, epochs=6)
    assert (answers == truth.numpy()).mean() > 0.8
    assert all(torch.equal(before[n], t) for n, t in network.trained().modules.state_dict().items())


def test_a_suite_without_tasks_cannot_sit_it(network):
    plain = Suite.model_validate(
        SUITE.model_dump(exclude={"tasks", "backbones"}) | {"backbones": [{"name": "cifar_resnet8"}]}
    )
    stranger = SimpleNamespace(suite=plain, cell=SimpleNamespace(suite="tasks", backbone="cifar_resnet8"))
    with pytest.raises(UserError, match="no `tasks`"):
        Transfer().examine(stranger, Options())


def test_tables_say_what_became_of_each_score_and_of_each_pair():
    sats = list(transfer(tasks=10))
    table, details = Transfer().table(sats), Transfer().details(sats)["pairs"]
    assert table["score"].tolist()[0] == SURVEY
    verdicts = table.set_index("score")["verdict"]
    assert verdicts[SURVEY] == "estimate"
    assert set(verdicts[[n for n in NAMES if n != SURVEY]]) == {"no estimate"}
    assert set(verdicts[list(BASELINES)]) == {"baseline"}
    assert table.set_index("score").loc[SURVEY, "tau"] == pytest.approx(1)
    assert table.set_index("score").loc[RANDOM, "over_static"] == -table.set_index("score").loc[STATIC, "weighted_tau"]
    assert set(table["seeds"]) == {2}
    by_score = table.set_index("score")
    assert by_score.loc[SURVEY, "over_survey"] == 0
    assert by_score.loc["logme", "over_survey"] == pytest.approx(by_score.loc["logme", "weighted_tau"] - 1)
    assert len(details) == 10 * 10
    one = details[(details["source"] == "t3") & (details["target"] == "t5")].iloc[0]
    assert one["truth_pct"] == pytest.approx(sats[3].block.targets[5].truth + 0.005)  # the mean over seeds
    assert Transfer().table(sats[::-1]).equals(table)


def test_sources_of_as_many_hits_are_a_tie_whatever_the_order_of_their_seeds():
    """Both columns have the same sum, and means a last bit apart: a score that orders them earns nothing."""
    hits = {"t0": [70.82, 75.3, 89.77], "t1": [80.47, 79.95, 75.47], "t2": [60.0] * 3, "t3": [50.0] * 3}
    assert np.mean(hits["t0"]) != np.mean(hits["t1"])
    sats = [
        Sat(identity("made", seed, backbone=f"net_{source}"), of_source(source, of_seed[seed], list(hits)))
        for source, of_seed in hits.items()
        for seed in range(3)
    ]
    found = next(task_maps(sats))
    assert (found.truths[:, 0] == found.truths[:, 1]).all()
    assert found.source_accuracy[0] == found.source_accuracy[1]
    table = Transfer().table(sats).set_index("score")
    assert table.loc[SURVEY, "tau"] == pytest.approx((1 + 1 + 2 * np.sqrt(2 / 3)) / 4)  # 2 of 3 pairs, of two targets


def of_source(source, truth, targets):
    """A source that is worth the same to all targets, and whose scores order sources by their names."""
    scores = dict.fromkeys(NAMES, -float(source[1:]))
    worth = [Worth(target=target, scores=scores, truth=truth, halves=(truth, truth)) for target in targets]
    return Block(backbone="net", source=source, source_accuracy=truth, pictures=60, finetuned=0, targets=worth)


def test_sources_that_are_missing_are_left_out_of_targets_too():
    sats = [sat for sat in transfer() if sat.block.source != "t2"]
    table = Transfer().table(sats)
    assert set(table["tasks"]) == {5}
    assert Transfer().table(sats[:3]).empty


def test_pictures_are_a_chart_of_scores_and_a_map_of_each_beside_the_truth():
    sats = list(transfer())
    table, details = Transfer().table(sats), Transfer().details(sats)
    pictures = [*Transfer().pictures(table), *Transfer().pictures_of_details(details)]
    assert len(pictures) == 3  # the scores, the survey's map, its best rival's
    assert {p.section for p in pictures} == {"tiny, net: sufficient_labels K=1"}
    (rows,) = pictures[1].chart.to_dict()["datasets"].values()
    assert len(rows) == 2 * 6 * 5  # the score's and the truth's, without each target's own source
    of_one = [row["deviation"] for row in rows if row["map"] == "truth" and row["target"] == "t1"]
    assert np.mean(of_one) == pytest.approx(0, abs=1e-9)
    assert np.std(of_one) == pytest.approx(1)
