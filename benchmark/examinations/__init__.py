"""Examinations: what is asked of the trained networks of a track, one file each.

A *track* is a suite of ``suites.yaml`` with a block ``examine``: its cells train as those of any suite, and their
networks are kept and then examined.

    my_track:
      title: ...
      dataset: fashion_mnist
      ...                                    # as any suite
      moments: [0.1, 0.5]                    # networks are kept after these fractions of the epochs, and at the end
      examine:
        labels: {draws: 10}                  # a file of this folder: its options
        roles: {}

    beyond run my_track                      # trains, writes results/runs, keeps networks in .beyond/networks
    beyond examine my_track                  # writes results/examined/my_track/METHOD/CELL.EXAMINATION.json,
                                             # results/EXAMINATION.csv and, by `beyond export`, EXAMINATION.html

How to add one: a file ``NAME.py`` here, with one subclass of
:class:`~benchmark.examining.examination.Examination`, and nothing else anywhere. It says

* ``title``, ``lead``, ``notes``, ``columns``: what its page says, in both front ends;
* ``version``: raise it when a number can change; what was examined by another version is examined again;
* ``takes``, a :class:`~benchmark.schema.plain.Strict`: the options that a suite may say under the examination's name;
* ``finds``, a :class:`~benchmark.schema.record.Part`: the block of one cell, as it stands in its record;
* ``examine(network, options) -> block``: the measurement. ``network``
  (:class:`~benchmark.examining.network.Network`) gives outputs of the network at any *place* (the cut points of the
  suite's largest K and the input of the classifier, the same for all methods), on any pictures, at any moment that was
  kept, as numpy arrays; and the cell, the suite, the labels, the training's record, and other cells' networks, if the
  examination's ``beside`` asks for them;
* ``table(found) -> DataFrame``: ``results/NAME.csv``, from the blocks alone; ``details(found)``: further tables;
* ``pictures(table)``: Altair charts, each with a caption and the section that it stands in.

Files here import no torch, as tables and pages read them, too; what computes with torch imports it inside ``examine``.
Estimators that several share, or that are tested against closed forms, are in ``benchmark/examining/estimators``.

An examination is kept under a key: the cell's fingerprint (and those of the cells beside it), name, version, options
and packages. Training records stay as they are. A network that is missing (a fresh clone, an emptied cache) is trained
again by ``beyond examine``, without metering, and must validate as its record says.

What holds for tracks as for suites: stages (``dvc repro SUITE``, then ``examine_SUITE``), resuming (cells and
examinations that are finished are kept), ``beyond plan``, ``beyond verify`` (of the training; ``beyond examine SUITE
--check`` compares what is found), export and addresses.
``beyond plan SUITE`` says what examining will take from what it took before; it simulates nothing of it. What does not
hold: an examination that is cut short begins anew.
"""
