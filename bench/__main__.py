"""`python -m bench`: measures the figures of docs/performance.md.

`python -m bench layers`: measures the assertions on layers of networks, beside PyTorch's kernels,
for docs/performance.md.

`python -m bench power`: plants defects in ResNet-50's layers, at real sizes, for docs/power.md.

`python -m bench reveal`: measures in which order kernels add up, for docs/reveal.md.

`python -m bench tensor-cores`: judges simulated matrix instructions, for docs/tensor-cores.md.

`python -m bench networks`: measures how bounds grow with a network's depth, for docs/networks.md.

`python -m bench watching`: measures what watching a training step costs, for docs/watching.md.

`python -m bench pytorch`: watches PyTorch's convolutions on random layers, for docs/pytorch.md.

`python -m bench adversary`: attacks the bounds with hostile numbers, for docs/adversary.md.

Exit status: 0 measured, whether or not goals are reached; 1 values differ that must not, a test
gave a false alarm or missed a defect, a bound is wrong; 2 bad usage, or the extra `bench` is not
installed.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

try:
    from threadpoolctl import threadpool_limits

    from bench import reveal as revealing
    from bench.figures import FIGURES
    from bench.figures.replay import ValuesDifferError
    from bench.machine import describe
    from bench.performance import write, write_layers
    from bench.studies.adversary.command import adversary as attack
    from bench.studies.power import document as power_document
    from bench.studies.power.study import run as run_power
    from bench.tensor_cores import document as tensor_cores_document
    from bench.tensor_cores.study import run as run_tensor_cores
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] in ("bench", "pybridge"):
        raise
    print(f"bench: {missing.name} is missing: pip install -e '.[bench]'", file=sys.stderr)
    raise SystemExit(2) from None

from bench.tables import WIDTH, Figure
from bench.timing import Effort
from pybridge.errors import InputError

__all__ = ["app", "main"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


_Quick = Annotated[
    bool, typer.Option(help="Few repeats and small shapes: a test, not a measurement.")
]
_Write = Annotated[
    bool, typer.Option("--write", help="Write the document and its .svg into the directory.")
]
_Directory = Annotated[Path, typer.Option(metavar="DIR", help="The directory for --write.")]


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    figure: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, max=len(FIGURES), help="Only this figure; repeatable."),
    ] = None,
    quick: _Quick = False,
    write_docs: _Write = False,
    directory: _Directory = Path("docs"),
) -> None:
    """Measures what the bounds cost: time as ratios within this run, memory, and tightness."""
    if context.invoked_subcommand is not None:
        if figure or quick or write_docs:
            raise typer.BadParameter(f"options go after {context.invoked_subcommand}")
        return
    if write_docs and figure:
        raise typer.BadParameter("--write needs every figure: leave out --figure")
    command = "python -m bench" + " --quick" * quick + " --write" * write_docs
    progress = Console(stderr=True)
    with threadpool_limits(1), progress.status("measuring") as status:

        def say(number: int, what: str) -> None:
            status.update(f"figure {number}: {what}")

        machine = describe()
        effort = Effort.of(quick=quick)
        numbers = sorted(set(figure or FIGURES))
        try:
            figures = [FIGURES[n](effort, partial(say, n)) for n in numbers]
        except ValuesDifferError as error:
            print(f"bench: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for what, value in machine.items():
        console.print(f"{what}: {value}", highlight=False)
    for measured in figures:
        _show(console, measured)
    if write_docs:
        write(figures, machine, command, directory)


@app.command("layers")
def layers(
    device: Annotated[str, typer.Option(help="A device of PyTorch.")] = "cpu",
    batch: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, help="Images in a batch; repeatable. By default 8, 32."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(metavar="M", min=0.0, help="Begin no layer after so many minutes.")
    ] = 5.0,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="For BLAS and PyTorch.")] = 1,
    quick: _Quick = False,
    write_docs: _Write = False,
    directory: _Directory = Path("docs"),
) -> None:
    """Measures the assertions on layers of networks, beside PyTorch's kernels and float64."""
    try:
        import torch

        from bench.layers import LAYERS, measure, summary
    except ModuleNotFoundError:
        print("bench: PyTorch is missing: pip install -e '.[torch]'", file=sys.stderr)
        raise typer.Exit(2) from None
    options = {"--device": device, "--minutes": f"{minutes:g}", "--threads": str(threads)}
    words = [word for option in options.items() for word in option]
    words += [word for size in batch or () for word in ("--batch", str(size))]
    words += ["--quick"] * quick + ["--write"] * write_docs
    until = time.monotonic() + 60 * minutes
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            machine = {**describe(), "PyTorch": f"{torch.__version__}, device {device}"}
            measured = list(
                measure(
                    device,
                    layers=LAYERS[1:3] if quick else LAYERS,
                    batches=batch or ((1,) if quick else (8, 32)),
                    until=until,
                )
            )
    finally:
        torch.set_num_threads(before)
    if not measured:
        print("bench: nothing was measured", file=sys.stderr)
        raise typer.Exit(1)
    print("\n".join(summary(measured)))
    if write_docs:
        write_layers(measured, machine, " ".join(["python -m bench layers", *words]), directory)


@app.command("networks")
def networks(
    quick: _Quick = False, write_docs: _Write = False, directory: _Directory = Path("docs")
) -> None:
    """Measures how bounds of gradients grow with depth, beside true errors."""
    try:
        from bench.studies import networks as study
    except ModuleNotFoundError:
        print("bench: PyTorch is missing: pip install -e '.[torch]'", file=sys.stderr)
        raise typer.Exit(2) from None
    with Console(stderr=True).status("computing"):
        measured = list(study.measure(quick=quick))
    print(study.table(measured), end="")
    if write_docs:
        study.write(measured, directory)


@app.command("power")
def power(
    quick: _Quick = False, write_docs: _Write = False, directory: _Directory = Path("docs")
) -> None:
    """Measures which defects promises catch in layers of real sizes, beside assert_close."""
    command = "python -m bench power" + " --quick" * quick + " --write" * write_docs
    with Console(stderr=True).status("computing") as status:
        machine = describe()
        try:
            study = run_power(status.update, quick=quick)
        except InputError as error:
            print(f"bench: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
    machine["PyTorch"] = study.versions
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for section, table in power_document.tables(study).items():
        console.print(section, style="bold", highlight=False)
        console.print(table.rich)
    if write_docs:
        power_document.write(study, machine, command, directory)
    for wrong in study.false_alarms:
        print(f"bench: false alarm, {wrong.layer}, {wrong.dtype}: {wrong.result}", file=sys.stderr)
    for wrong in study.missed:
        print(f"bench: missed, {wrong.layer}, {wrong.dtype}: {wrong.what}", file=sys.stderr)
    if not study.holds:
        raise typer.Exit(1)


@app.command("reveal")
def reveal(
    quick: _Quick = False, write_docs: _Write = False, directory: _Directory = Path("docs")
) -> None:
    """Measures in which order NumPy's and PyTorch's kernels add up on this machine."""
    command = "python -m bench reveal" + " --quick" * quick + " --write" * write_docs
    with Console(stderr=True).status("measuring") as status:
        machine = describe()
        try:
            study = revealing.run(status.update, quick=quick)
        except InputError as error:
            print(f"bench: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(revealing.table(study).rich)
    if write_docs:
        revealing.write(study, machine, command, directory)


@app.command("tensor-cores")
def tensor_cores(
    quick: _Quick = False,
    write_docs: _Write = False,
    directory: _Directory = Path("docs"),
    block_scales: Annotated[
        bool, typer.Option("--block-scales", help="Only instructions with block scales.")
    ] = False,
) -> None:
    """Judges convolutions on simulated tensor cores by the promises of these."""
    command = "python -m bench tensor-cores" + " --quick" * quick
    command += " --block-scales" * block_scales + " --write" * write_docs
    with threadpool_limits(1), Console(stderr=True).status("computing") as status:
        machine = describe()
        try:
            study = run_tensor_cores(status.update, quick=quick, block_scales=block_scales)
        except InputError as error:
            print(f"bench: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for table in tensor_cores_document.tables(study).values():
        console.print(table.rich)
    if write_docs:
        tensor_cores_document.write(study, machine, command, directory)
    for wrong in study.false_alarms:
        print(f"bench: false alarm, {wrong.kernel.unit.name}: {wrong.data}", file=sys.stderr)
    for missed in study.unexplained:
        print(f"bench: missed, {missed.kernel.unit.name}: {missed.what}", file=sys.stderr)
    if study.false_alarms or study.unexplained:
        raise typer.Exit(1)


@app.command("adversary")
def adversary(
    entries: Annotated[int, typer.Option(metavar="N", min=1, help="Entries to try.")] = 10_000,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Seed of the cases.")] = 0,
    case: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Only the case of this number.")
    ] = None,
    write_docs: Annotated[
        bool, typer.Option("--write", help="Write the page into the directory.")
    ] = False,
    directory: _Directory = Path("docs"),
) -> None:
    """Attacks bounds and verdicts with hostile numbers, checked in exact integer arithmetic."""
    with threadpool_limits(1):
        status = attack(entries, seed, case, directory if write_docs else None)
    raise typer.Exit(status)


@app.command("watching")
def watching(
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Images in a batch.")] = 4,
    size: Annotated[int, typer.Option(metavar="N", min=32, help="Their height and width.")] = 224,
    quick: _Quick = False,
    write_docs: _Write = False,
    directory: _Directory = Path("docs"),
) -> None:
    """Measures a watched training step of ResNet-50 beside one that is not watched."""
    try:
        from bench import watching as study
    except ModuleNotFoundError:
        print("bench: PyTorch is missing: pip install -e '.[torch]'", file=sys.stderr)
        raise typer.Exit(2) from None
    batch, size = (1, 32) if quick else (batch, size)
    effort = Effort.of(quick=True) if quick else Effort(seconds=40.0, least=2)
    with Console(stderr=True).status("measuring"):
        times, memory = study.costs(effort, batch, size), study.peaks(batch, size)
    measured = study.table(times, memory, batch, size)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(measured.rich)
    if write_docs:
        command = f"python -m bench watching --batch {batch} --size {size} --write"
        study.write(measured, {**describe(), **_pytorch()}, command, directory)


@app.command("pytorch")
def pytorch(
    seconds: Annotated[float, typer.Option(metavar="S", min=0.0, help="The time to take.")] = 120.0,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Seed of the layers.")] = 0,
    write_docs: _Write = False,
    directory: _Directory = Path("docs"),
) -> None:
    """Watches PyTorch's convolutions on random small layers, forward and backward."""
    from bench.studies import pytorch as study

    with Console(stderr=True).status("watching"):
        sweep = study.sweep(seconds, seed)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(sweep.table().rich)
    if write_docs:
        command = f"python -m bench pytorch --seconds {seconds:g} --seed {seed} --write"
        study.write(sweep, {**describe(), **_pytorch()}, command, directory)


def _pytorch() -> dict[str, str]:
    import torch

    return {"PyTorch": f"{torch.__version__}, {torch.get_num_threads()} threads"}


def _show(console: Console, figure: Figure) -> None:
    console.print(f"\n{figure.number}. {figure.title}", style="bold", highlight=False)
    for table in figure.tables:
        console.print(table.rich)
    for shortfall in figure.shortfalls:
        console.print(shortfall, highlight=False)


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
