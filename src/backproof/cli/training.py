"""``backproof train``: the options, in the words of the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .choices import sizes, task_choice
from .console import json_result, result

Option = typer.Option


def train(
    data: Annotated[str, typer.Argument(metavar="DATA", help="What to learn from; - is CSV on standard input.")],
    output: Annotated[Path, Option("-o", "--output", metavar="MODEL", help="Where the model is written.")],
    target: Annotated[
        list[str] | None, Option(help="Column to predict, or the key of an NPZ file; again for more numbers.")
    ] = None,
    feature: Annotated[
        list[str] | None, Option(help="Column to use; again for more. All but the target without it.")
    ] = None,
    drop: Annotated[list[str] | None, Option(help="Column to leave out; again for more.")] = None,
    task: Annotated[str, Option(help="auto, classification or regression.")] = "auto",
    hidden: Annotated[
        str | None, Option(help="Sizes of the hidden layers.", metavar="N,N,...", show_default="64,32")
    ] = None,
    activation: Annotated[
        str | None, Option(help="Of the hidden layers, such as tanh, relu, gelu.", show_default="tanh")
    ] = None,
    dropout: Annotated[float, Option(help="Probability of a zero after each hidden layer.")] = 0.0,
    network: Annotated[
        Path | None, Option(help="A network as [[layers]] tables, in place of --hidden.", metavar="FILE.toml")
    ] = None,
    loss: Annotated[
        str | None,
        Option(help="CrossEntropy or BinaryCrossEntropy; SquaredError, Huber or Poisson.", show_default="by the task"),
    ] = None,
    optimizer: Annotated[str, Option(help="sgd, momentum, nesterov, rmsprop, adam or adamw.")] = "adam",
    learning_rate: Annotated[
        float | None, Option(help="Of the first step, before the schedule.", show_default="the optimizer's")
    ] = None,
    schedule: Annotated[str, Option(help="constant, step, cosine or warmup.")] = "constant",
    epochs: Annotated[int, Option(help="Passes through the training part.")] = 100,
    batch_size: Annotated[int, Option(help="Examples in a step.")] = 32,
    weight_decay: Annotated[float, Option(help="How strongly parameters are drawn to zero.")] = 0.0,
    clip_norm: Annotated[float | None, Option(help="Largest norm of a gradient.", show_default="none")] = None,
    patience: Annotated[
        int | None, Option(help="Epochs without improvement on the validation part before stopping.")
    ] = None,
    validation: Annotated[float, Option(help="Share of the rows for validation.")] = 0.1,
    test: Annotated[float, Option(help="Share of the rows for the test; data with a test part keep it.")] = 0.2,
    seed: Annotated[int, Option(help="Of the split, the starting values, the order and the dropout.")] = 0,
    dtype: Annotated[str, Option(help="float32 or float64.")] = "float32",
    standardize: Annotated[bool, Option(help="Bring features (and numbers to predict) to mean 0, deviation 1.")] = True,
    checkpoint: Annotated[
        Path | None, Option(help="Where the state of the training is kept.", show_default="MODEL.checkpoint")
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on from the checkpoint, if there is one.")] = False,
    compile: Annotated[
        bool, Option("--compile/--no-compile", help="Run gradients as a compiled program, or the ordinary way.")
    ] = True,
    threads: Annotated[int, Option(help="Threads of the linear algebra.")] = 1,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Say nothing on the way.")] = False,
    json: Annotated[bool, Option("--json", help="Print one JSON object, and errors as JSON.")] = False,
) -> int:
    """Train a network and write the model.

    \b
      backproof train digits -o digits.backproof
      backproof train houses.csv --target price --hidden 64,32 --activation relu -o houses.backproof
      backproof train fashion-mnist/ --network net.toml --schedule cosine --epochs 12 -o fashion.backproof
      cat table.csv | backproof train - --target y -o model.backproof

    The rows are split into training, validation and test part by the seed. The model with the best validation
    score is kept, and judged on the test part. Ctrl-C keeps the best so far, and --resume goes on from the last
    checkpoint to the same bits as without the break. An existing model is replaced when the new one is complete.
    """
    from .work import Request, work

    hyperparameters: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "weight_decay": weight_decay,
        "clip_norm": clip_norm,
        "patience": patience,
        "seed": seed,
        "compile": compile,
        "schedule": schedule,
        "optimizer": optimizer if learning_rate is None else {"name": optimizer, "learning_rate": learning_rate},
    }
    request = Request(
        source=data,
        output=output,
        target=tuple(target or ()),
        features=tuple(feature or ()),
        drop=tuple(drop or ()),
        task=task_choice(task),
        hidden=None if hidden is None else sizes(hidden, "--hidden"),
        activation=activation,
        dropout=dropout,
        network=network,
        loss=loss,
        hyperparameters=hyperparameters,
        validation=validation,
        test=test,
        seed=seed,
        dtype=dtype,
        standardize=standardize,
        threads=threads,
        checkpoint=checkpoint,
        resume=resume,
        quiet=quiet,
    )
    outcome = work(request)
    if json:
        json_result(outcome.data())
    else:
        result(outcome.text())
    return outcome.code
