"""Networks that learn in step: whatever others there are, each comes out with the same bits."""

from functools import partial

import pytest
import torch
from conftest import bars

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.course import course_on
from kenspeckle.data.preprocess import settle
from kenspeckle.device import choose
from kenspeckle.errors import ConfigError, NonFiniteError
from kenspeckle.events import Ended
from kenspeckle.model_file import load
from kenspeckle.models.heads import head_of
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.run_folder import MODEL
from kenspeckle.runs import training
from kenspeckle.stacking import network as stacked_network
from kenspeckle.stacking.lockstep import Lockstep
from kenspeckle.stacking.network import can_be_stacked
from kenspeckle.stacking.training import fit_together
from kenspeckle.training import Waiting

STACKED = ("stacked=true", "threads=1", "precision=fp32", "train.batch_size=20", "train.epochs=2")
CONVNET = (
    "model.widths=[16, 32]",
    "model.kernels=[3, 3]",
    "model.paddings=[1, 1]",
    "model.pools=[2, 2]",
    "splits.folds=0",
)
MLP = ("model.name=mlp", "model.hidden=[32]", "splits.folds=0")
KINDS = {
    "convnet": CONVNET,
    "without norm": (
        *CONVNET,
        "model.norm=none",
        "model.gather=mean",
        "model.border=reflect",
        "train.balance=classes",
    ),
    "flat": (
        *CONVNET,
        "model.norm=after",
        "model.gather=flatten",
        "model.hidden=[16]",
        "model.activation=gelu",
        "model.pooling=mean",
        "model.pool_at=last",
    ),
    "random": (
        *CONVNET,
        "model.dropout=0.3",
        "augment.shift=2",
        "augment.mixup=0.4",
        "preprocess.scaling=mean-image",
    ),
    "mlp": (*MLP, "train.averaging=0.9", "train.gradient_clip=0.5"),
    "softmax": ("model.name=mlp", "model.hidden=[]", "splits.folds=0"),
    "norms of an mlp": (*MLP, "model.norm=before", "model.dropout=0.2", "optimizer.name=rmsprop"),
    "muon": (*CONVNET, "optimizer.name=muon", "optimizer.rate=0.02", "train.frozen_epochs=1"),
    "rests": (  # that loops of 64 numbers would leave
        *CONVNET,
        "model.widths=[48, 16]",
        "model.activation=gelu",
        "model.gather=mean",
        "model.hidden=[16]",
        "train.batch_size=19",
    ),
    "rests of an mlp": (*MLP, "model.hidden=[48, 16]", "model.activation=silu"),
    "folds": (*CONVNET[:-1], "splits.folds=3", "train.patience=1", "train.epochs=4"),
}


def in_step(seeds, folder, settings):
    """Train a run for each seed in `folder`; what they say while they wait is left out."""
    lockstep, going, ended = Lockstep(len(seeds)), {}, {}
    for place, seed in enumerate(seeds):
        lines = [*STACKED, *settings, "source=bars", f"seed={seed}"]
        asked = config.override(build_recipe("swift"), lines)
        loop = partial(lockstep.fit, place)
        going[place] = training(asked, out=folder / f"{seed}", dataset=bars(), loop=loop)
    while going:
        for place, events in list(going.items()):
            event = next((one for one in events if isinstance(one, Waiting | Ended)), None)
            if isinstance(event, Ended):
                ended[seeds[place]] = event.run
            if event is None:
                del going[place]
                lockstep.leave(place)
    return ended


def model(run):
    return (run.path / MODEL).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_has_the_bits_that_it_has_by_itself(tmp_path, kind):
    many = in_step([4, 0, 7, 2, 9], tmp_path / "five", KINDS[kind])
    few = in_step([2, 7], tmp_path / "two", KINDS[kind])
    alone = ks.train(
        bars(),
        recipe="swift",
        settings=[*STACKED, *KINDS[kind]],
        seed=7,
        out=tmp_path / "alone",
    )
    assert model(many[7]) == model(few[7]) == model(alone)
    assert model(many[2]) == model(few[2]) != model(many[7])


def test_it_comes_close_to_what_the_ordinary_loop_makes(tmp_path):
    settings = (*CONVNET, "optimizer.name=sgd", "optimizer.rate=0.01", "train.epochs=1")
    stacked = in_step([3, 5], tmp_path / "two", settings)[5]
    lines = [*STACKED, *settings, "stacked=false"]
    plain = ks.train(bars(), recipe="swift", settings=lines, seed=5, out=tmp_path / "plain")
    theirs, ours = (load(run.path / MODEL).network.state_dict() for run in (plain, stacked))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "settings", [("model.name=mlp", "model.hidden=[20]"), ("model.name=resnet",)]
)
def test_what_cannot_be_stacked_is_refused_before_a_run_is_made(tmp_path, settings):
    with pytest.raises(ConfigError) as error:
        ks.train(bars(), settings=[*STACKED, *settings], out=tmp_path / "run")
    assert str(error.value) == (
        "stacked is for the models convnet and mlp, with widths that are multiples of 16; "
        "use stacked=false"
    )
    assert not (tmp_path / "run").exists()


def test_threads_that_share_out_the_work_are_refused(tmp_path):
    with pytest.raises(ConfigError) as error:
        ks.train(bars(), settings=[*STACKED, *CONVNET, "threads=2"], out=tmp_path / "run")
    assert str(error.value) == (
        "stacked is for one thread, got threads=2; use threads=1 or stacked=false"
    )


def test_sessions_of_different_folds_learn_as_by_themselves(tmp_path):
    """As they stand to each other when all have been resumed."""
    asked = [*CONVNET[:-1], "splits.folds=3", "train.balance=classes", "train.epochs=1"]
    kept = {}
    for seeds, skipped in (([3, 5], {5: 1}), ([5], {})):
        lockstep, going = Lockstep(len(seeds)), {}
        folder = tmp_path / f"{len(seeds)}"
        for place, seed in enumerate(seeds):
            lines = [*STACKED, *asked, "source=bars", f"seed={seed}"]
            settings = config.override(build_recipe("swift"), lines)
            loop = _late(partial(lockstep.fit, place), skipped.get(seed, 0))
            out = folder / f"{seed}"
            going[place] = training(settings, out=out, dataset=bars(239), loop=loop)
        while going:
            for place, events in list(going.items()):
                event = next((one for one in events if isinstance(one, Waiting | Ended)), None)
                if event is None:
                    del going[place]
                    lockstep.leave(place)
        kept[len(seeds)] = (folder / "5" / MODEL).read_bytes()
    assert kept[2] == kept[1]


def _late(loop, by_itself):
    """`loop`, but the first `by_itself` networks are trained before the others begin."""
    counted = iter(range(100))

    def late(*arguments, **options):
        alone = next(counted) < by_itself
        return (partial(Lockstep(1).fit, 0) if alone else loop)(*arguments, **options)

    return late


def courses(seeds, *settings, size=28):
    """Networks at their beginning, and the pictures of bars that they learn from."""
    data, compute = bars(size=size), choose("cpu", "fp32", 1)
    lines = [*STACKED, "source=bars", *settings]
    asked = config.override(build_recipe("swift"), lines)
    made = []
    for seed in seeds:
        lines = [f"seed={seed}", f"preprocess.kind={settle(asked.preprocess, data).kind}"]
        own = config.override(asked, lines)
        made.append(course_on(data, own, compute))
    whole = partial(
        fit_together,
        config=asked.train,
        schedule=asked.schedule,
        head=head_of("classes", data.class_names),
        compute=compute,
    )
    return made, whole


def weights(course):
    return {name: value.clone() for name, value in course.training.network.state_dict().items()}


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_one_that_diverges_is_told_alone_and_the_others_are_as_without_it():
    (first, broken, last), whole = courses([0, 1, 2], *CONVNET)
    broken.training.network.head.weight.data[0, 0] = float("nan")
    three = [first, broken, last]
    said = list(whole([c.training for c in three], [c.batches for c in three]))
    [error] = [told[1] for told in said if isinstance(told.get(1), Exception)]
    assert isinstance(error, NonFiniteError) and "weight head.weight is not finite" in str(error)
    assert all(1 not in told for told in said[1:])
    pair, whole = courses([0, 2], *CONVNET)
    list(whole([c.training for c in pair], [c.batches for c in pair]))
    assert equal(weights(first), weights(pair[0])) and equal(weights(last), weights(pair[1]))


def test_widths_that_leave_a_rest_would_give_bits_that_depend_on_the_others(monkeypatch):
    """Without the rule of `can_be_stacked`, the tests above would fail for such networks."""
    settings = ("model.name=mlp", "model.hidden=[30, 30]", "model.activation=gelu")
    [course, *_], _ = courses([0], *settings)
    assert not can_be_stacked(course.training.network)
    monkeypatch.setattr(stacked_network, "_VECTOR", 1)
    assert can_be_stacked(course.training.network)
    found = []
    for seeds in ([0, 1, 2], [2, 1], [1, 2, 0, 3, 4]):
        made, whole = courses(seeds, *settings)
        list(whole([c.training for c in made], [c.batches for c in made]))
        found.append(weights(made[seeds.index(2)]))
    assert not (equal(found[0], found[1]) and equal(found[0], found[2]))


def test_small_grey_pictures_leave_no_layout_open_that_bits_would_depend_on():
    settings = (*CONVNET, "model.pools=[1, 2]", "model.activation=gelu", "train.batch_size=64")
    found = []
    for seeds in ([2, 1], [0, 1, 2]):
        made, whole = courses(seeds, *settings, size=8)
        list(whole([c.training for c in made], [c.batches for c in made]))
        found.append(weights(made[seeds.index(2)]))
    assert equal(*found)


@pytest.mark.parametrize("settings", [KINDS["rests of an mlp"], KINDS["rests"]])
def test_rests_of_loops_over_all_networks_would_too(monkeypatch, settings):
    """Without the care of `Stack`, the networks with rests would fail above."""
    monkeypatch.setattr(stacked_network, "_STRIDE", 1)
    found = []
    for seeds in ([2, 1], [0, 1, 2]):
        made, whole = courses(seeds, *settings)
        list(whole([c.training for c in made], [c.batches for c in made]))
        found.append(weights(made[seeds.index(2)]))
    assert not equal(*found)


def test_an_error_in_the_common_steps_reaches_every_session():
    lockstep = Lockstep(2)

    class Broken:
        epoch, step, total, labels = 0, 0, 0, ()

        def share(self, other):
            pass

    loops = [
        lockstep.fit(place, Broken(), Broken(), None, schedule=None, head=None, compute=None)
        for place in range(2)
    ]
    assert isinstance(next(loops[0]), Waiting)
    for loop in (loops[1], loops[0]):
        with pytest.raises(AttributeError):
            next(loop)
