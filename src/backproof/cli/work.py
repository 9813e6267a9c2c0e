"""What ``backproof train`` does, step by step: load, split, prepare, build, fit, judge, save."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from .. import __version__
from ..data import Dataset, Preparation, Split, load, split
from ..errors import DataError, ModelFileError, OptionError
from ..losses import Loss
from ..model import Model
from ..network import Network
from ..training import Fitted, Training, fit
from ..training.threads import limited_threads
from .choices import dtype_choice, loss_for, scales_targets
from .console import status
from .networks import check_outputs, hidden_network, read_network
from .outputs import check_output
from .paths import check_separate, check_writable
from .predictor import Predictor, check_counts, outputs_needed, prepared_target
from .scoring import Score, score

HIDDEN, ACTIVATION = (64, 32), "tanh"
"""The hidden layers where nothing is said of them."""

EPOCHS_KEPT = 1000
"""Of a longer training the model's history has evenly spaced epochs, the best and the last: it is not the log."""


@final
@dataclass(frozen=True)
class Request:
    """Everything that was asked for; the command's help says what each means."""

    source: str
    output: Path
    target: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    task: Literal["auto", "classification", "regression"] = "auto"
    hidden: tuple[int, ...] | None = None
    activation: str | None = None
    dropout: float = 0.0
    network: Path | None = None
    loss: str | None = None
    hyperparameters: dict[str, Any] | None = None
    validation: float = 0.1
    test: float = 0.2
    seed: int = 0
    dtype: str = "float32"
    standardize: bool = True
    checkpoint: Path | None = None
    resume: bool = False
    quiet: bool = False
    threads: int = 1

    @property
    def checkpoint_path(self) -> Path:
        """Where the checkpoint is kept: beside the model unless said otherwise."""
        return self.checkpoint or Path(f"{self.output}.checkpoint")


@final
@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of it.

    Attributes:
        model: as it was saved.
        fitted: the training's result.
        score: on the test part; None without one.
        path: of the model file.
        saved: whether it was written; an interrupted training leaves the model of a finished one alone.
    """

    model: Model
    fitted: Fitted
    score: Score | None
    path: Path
    saved: bool = True

    @property
    def code(self) -> int:
        """130 if the training was interrupted, else 0."""
        return 130 if self.fitted.stopped == "interrupted" else 0

    def data(self) -> dict[str, Any]:
        """Return the result as plain data, for JSON."""
        test = None if self.score is None else self.score.brief()
        path = str(self.path) if self.saved else None
        return {"model": path, "test": test, **self.model.about}

    def text(self) -> str:
        """Return the result in two lines."""
        judged = "no test part" if self.score is None else f"test {self.score.line()}"
        return f"{judged}\nmodel {self.path}{'' if self.saved else ' left as it was'}"


def work(request: Request) -> Outcome:
    """Train as asked, and return what came of it; the model file is complete then.

    Raises:
        BackproofError: data, options or files that cannot be used. Nothing is written then.
    """
    settings = Training(**(request.hyperparameters or {}))
    dtype = dtype_choice(request.dtype)
    _check_options(request)
    _check_paths(request)
    data = load(
        request.source, target=request.target, task=request.task, features=request.features or None, drop=request.drop
    )
    loss = loss_for(data.task or "regression", request.loss, len(data.class_names or ()))
    check_counts(data, loss)
    parts = _split(request, data)
    preparation = Preparation.learn(
        parts.train,
        standardize=request.standardize,
        standardize_target=request.standardize and scales_targets(loss),
        dtype=dtype,
    )
    network = _network(request, data, loss)
    _announce(request, data, parts, preparation, network)
    _check_memory(network, np.dtype(dtype).itemsize)
    fitted = _fit(request, settings, network, loss, parts, preparation)
    about = _about(request, settings, data, parts, fitted)
    model = Model(
        network, fitted.best, loss, data.example_shape, preparation.describe(), dict(preparation.arrays()), about
    )
    with _threads(request.threads):
        judged = None if parts.test is None else score(Predictor(model, preparation), parts.test)
    if judged is not None:
        about["test_score"] = judged.brief()
    saved = fitted.stopped != "interrupted" or not _is_finished(request.output)
    if saved:
        model.save(request.output)
    _finish(request, fitted)
    return Outcome(model, fitted, judged, request.output, saved)


def _check_options(request: Request) -> None:
    """Refuse what can be seen to be wrong without the data."""
    if request.threads < 1:
        raise OptionError(f"--threads is {request.threads}, expected at least 1.")
    for name in request.drop:
        if name in request.target:
            raise OptionError(f"--drop {name}: it is the target; leave --drop out, or name another --target.")


def _check_paths(request: Request) -> None:
    """Refuse, before any work, to write where nothing can be written or where something else would be lost."""
    if str(request.output) == "-":
        raise ModelFileError("cannot write the model to standard output: a model is a file; give its name")
    inputs = (request.source, request.network, *(request.target if request.source.endswith(".npy") else ()))
    checkpoint = request.checkpoint_path
    check_output(request.output, "the model", "backproof model", *inputs)
    if request.resume:
        # What is no checkpoint is refused when it is read, and then not replaced.
        check_writable(checkpoint, "the checkpoint")
        check_separate(checkpoint, "the checkpoint", request.output, *inputs)
    else:
        check_output(checkpoint, "the checkpoint", "backproof checkpoint", request.output, *inputs)


def _split(request: Request, data: Dataset) -> Split:
    """Return the parts; where a class is too rare for them, say what helps on the command line."""
    try:
        return split(data, validation=request.validation, test=request.test, seed=request.seed)
    except DataError as error:
        problem, mark, remedy = str(error).rpartition("; ")
        if not mark or "stratify" not in remedy:
            raise
        task = ", or say --task regression if the target is a number or a count" if request.task == "auto" else ""
        raise DataError(f"{problem}; add rows or take the class out{task}.") from error


def _network(request: Request, data: Dataset, loss: Loss) -> Network:
    needed, what = outputs_needed(data, loss)
    if request.network is not None:
        options = {"--hidden": request.hidden, "--activation": request.activation}
        given = " and ".join(name for name, value in options.items() if value is not None)
        if given:
            raise OptionError(f"{given} does not go with --network, whose file says all layers; leave one out.")
        if request.dropout:
            raise OptionError("--dropout goes with --hidden; in a network file write a layer 'Dropout'.")
        network = read_network(request.network, data.example_shape, needed)
    else:
        network = hidden_network(
            HIDDEN if request.hidden is None else request.hidden,
            request.activation or ACTIVATION,
            data.example_shape,
            needed,
            request.dropout,
            request.seed,
        )
    check_outputs(network, data.example_shape, needed, what)
    return network


def _check_memory(network: Network, itemsize: int) -> None:
    """Refuse a network whose training cannot fit into this machine, before anything is allocated."""
    # theta, its best, gradient, two moments and scratch; the starting values are drawn in float64 and joined.
    needed = network.layout.size * (6 * itemsize + 16)
    try:
        present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    if needed > present:
        raise OptionError(
            f"the network has {network.layout.size:,} parameters; training takes {needed / 2**30:,.0f} GiB, "
            f"this machine has {present / 2**30:,.0f}. Make its layers smaller."
        )


def _announce(request: Request, data: Dataset, parts: Split, preparation: Preparation, network: Network) -> None:
    def say(text: str) -> None:
        status(text, request.quiet)

    counts = {"training": parts.train, "validation": parts.validation, "test": parts.test}
    shown = ", ".join(f"{len(part):,} {name}" for name, part in counts.items() if part is not None)
    came = " (the test part came with the data)" if data.test is not None else ""
    if request.resume != request.checkpoint_path.exists():
        note = "not there, so the training starts anew" if request.resume else "replaced; --resume would go on from it"
        # Who asked to go on and cannot should know it, however quiet the rest is.
        status(f"note: the checkpoint {request.checkpoint_path} is {note}", request.quiet and not request.resume)
    say(f"data {data.name}: {data.task}, examples of shape {' x '.join(map(str, data.example_shape))}")
    say(f"split: {shown}{came}; seed {request.seed}")
    for note in preparation.notes:
        say(f"note: {note}")
    labels = " -> ".join(layer.label for layer in network)
    say(f"network: {labels if len(labels) < 200 else f'{len(network)} layers'}; {network.layout.size:,} parameters")


def _fit(
    request: Request,
    settings: Training,
    network: Network,
    loss: Loss,
    parts: Split,
    preparation: Preparation,
) -> Fitted:
    with _threads(request.threads):
        return fit(
            network,
            network.initialize(request.seed, preparation.dtype),
            parts.train.x,
            parts.train.y,
            loss,
            settings,
            validation=None if parts.validation is None else (parts.validation.x, parts.validation.y),
            prepare=preparation.apply,
            prepare_target=prepared_target(preparation, loss),
            metric="accuracy" if preparation.task == "classification" else "r2",
            checkpoint=request.checkpoint_path,
            resume=request.resume,
            progress=not request.quiet,
        )


def _threads(count: int) -> Any:
    """Return the context for ``--threads``."""
    return limited_threads(count)


def _about(request: Request, settings: Training, data: Dataset, parts: Split, fitted: Fitted) -> dict[str, Any]:
    """Return where the model comes from. No times: the same training gives the same file."""
    counts = {"training": parts.train, "validation": parts.validation, "test": parts.test}
    epochs = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in fitted.history.describe()]
    every = -(-len(epochs) // EPOCHS_KEPT) or 1
    ends = (len(epochs), fitted.best_epoch)
    kept = [epoch for epoch in epochs if epoch["epoch"] % every == 0 or epoch["epoch"] in ends]
    return {
        "backproof": __version__,
        "data": data.name,
        "task": data.task,
        "seed": request.seed,
        "split": {name: 0 if part is None else len(part) for name, part in counts.items()},
        "training": settings.describe(),
        "stopped": fitted.stopped,
        "best_epoch": fitted.best_epoch,
        "epochs": len(epochs),
        "history": kept,
    }


def _is_finished(path: Path) -> bool:
    """Whether something stands at ``path`` that is not the model of an interrupted training."""
    try:
        return Model.load(path).about.get("stopped") != "interrupted"
    except ModelFileError:
        return path.exists()


def _finish(request: Request, fitted: Fitted) -> None:
    """Say how it ended; a checkpoint that nobody asked for has served its purpose at the end."""
    if fitted.stopped == "interrupted":
        status(f"interrupted after {len(fitted.history)} epochs; the same command with --resume goes on.")
    elif request.checkpoint is None:
        with suppress(OSError):
            request.checkpoint_path.unlink(missing_ok=True)
