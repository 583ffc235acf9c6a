"""PyTorch's results against the bounds: with PyTorch if it is installed, and with stand-ins."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from leans import invoke
from strategies import estimator
from typer.testing import CliRunner
from typer.testing import Result as Ran

from pybridge.check.suite import suite
from pybridge.check.torch import compare as against
from pybridge.check.torch.compare import Plan, check_result
from pybridge.check.torch.kernels import Refused, Setting, devices, promises, torch_results
from pybridge.check.torch.report import ResultReport
from pybridge.cli import check
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import Estimator
from pybridge.errors import InputError
from pybridge.extras import install_command
from pybridge.problem.formats import FORMATS, FloatArray, FloatFormat, find_format
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

RUNNER = CliRunner()
LABELS = ("binary32-everything", "bfloat16-basic", "binary64-basic", "binary16-basic")
SMALL = [word for label in LABELS for word in ("--case", label)]
LARGE = Geometry.of((2, 8, 12, 12), (16, 4, 3, 3), padding=1, groups=2)
"""With more entries than are computed exactly."""


def arrays(geometry: Geometry, format: FloatFormat) -> dict[str, FloatArray]:
    rng = np.random.default_rng(7)
    return {n: rng.standard_normal(s).astype(format.dtype) for n, s in geometry.shapes.items()}


def estimates(name: str, geometry: Geometry, operands: Mapping[str, FloatArray]) -> Estimator:
    return estimator(name, geometry, {key: Operand(array) for key, array in operands.items()})


def by_blas(
    torch: Any, setting: Setting, geometry: Geometry, operands: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Stand in for PyTorch, by the package's own matrix products."""
    return {name: estimates(name, geometry, operands).rounded(setting.format) for name in Result}


def assumed(format: FloatFormat) -> Accumulation:
    return Accumulation.of(format.name)


def judged(
    name: str,
    result: FloatArray,
    format: FloatFormat,
    geometry: Geometry,
    operands: dict[str, FloatArray],
    *promises: Accumulation,
) -> ResultReport:
    rng = np.random.default_rng(0)
    return check_result(name, result, format, geometry, operands, promises, rng)


def checked(
    name: str,
    change: Callable[[FloatArray, dict[str, FloatArray]], Any] = lambda result, operands: None,
    format: str = "float32",
    geometry: Geometry = LARGE,
) -> ResultReport:
    """Judge a result of BLAS after a change, by what its format promises."""
    float_format = find_format(format)
    operands = arrays(geometry, float_format)
    result = estimates(name, geometry, operands).rounded(float_format).copy()
    change(result, operands)
    return judged(name, result, float_format, geometry, operands, assumed(float_format))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", Result)
def test_sums_of_products_hold(name: str, format: str) -> None:
    report = checked(name, format=format)
    (promise,) = report.promises
    assert report.verdict == promise.verdict == "holds"
    assert promise.problem is None
    assert promise.ratio is not None
    assert promise.ratio >= 1
    assert promise.bound is not None
    assert 0 < report.error <= promise.bound
    if format == "binary64":
        assert report.known == report.exact == min(report.entries, 256)
    else:
        assert report.known == report.entries


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", Result)
def test_an_entry_that_is_off_is_found(name: str, format: str) -> None:
    """It is off by ten times its bound; of binary64 results, only a sample is computed exactly."""
    last = tuple(size - 1 for size in LARGE.result_shapes[name])

    def change(result: FloatArray, operands: dict[str, FloatArray]) -> None:
        any_order = estimates(name, LARGE, operands).any_order(assumed(find_format(format)))
        bound = np.broadcast_to(any_order, result.shape)
        result[last] = float(result[last]) + 10 * bound[last]

    report = checked(name, change, format)
    (promise,) = report.promises
    assert report.verdict == "violates"
    assert promise.beyond == 1
    assert f"1 of {report.entries} entries beyond the bound" in str(promise.problem)
    assert f"[{', '.join(map(str, last))}]" in str(promise.problem)


@pytest.mark.parametrize("format", FORMATS)
def test_a_dropped_tap_is_found(format: str) -> None:
    """The weight gradient lacks its last kernel row, and the input gradient one tap."""

    def dropped(result: FloatArray, operands: dict[str, FloatArray]) -> None:
        result[:, :, 2] = 0

    assert checked("weight", dropped, format).verdict == "violates"

    def without(result: FloatArray, operands: dict[str, FloatArray]) -> None:
        weight = operands["weight"].copy()
        weight[:, :, 1, 1] = 0
        wrong = estimates("input", LARGE, {**operands, "weight": weight})
        result[...] = wrong.rounded(find_format(format))

    report = checked("input", without, format)
    assert report.verdict == "violates"
    assert report.promises[0].beyond > report.entries / 2


def test_a_wrong_shape_and_numbers_that_are_not_finite() -> None:
    format = find_format("float32")
    with pytest.raises(InputError, match=r"bias has shape \(2,\), expected \(16,\)"):
        judged("bias", np.zeros(2, np.float32), format, LARGE, arrays(LARGE, format))

    def infinite(result: FloatArray, operands: dict[str, FloatArray]) -> None:
        result[3] = np.inf

    report = checked("bias", infinite)
    assert report.verdict == "violates"
    assert report.overflowed == 0
    assert str(report.promises[0].problem) == ("not finite at [3] and 0 more, without an overflow")


def test_what_can_overflow_is_not_judged() -> None:
    geometry = Geometry.of((1, 1, 2, 2), (1, 1, 2, 2))

    def huge(result: FloatArray, operands: dict[str, FloatArray]) -> None:
        operands["grad_output"][...] = 2.0**15
        operands["weight"][...] = [[[[4, 4], [0.5, 0.5]]]]
        result[...] = [[[[np.inf, np.nan], [2.0**14, 2.0**14]]]]

    report = checked("input", huge, "float16", geometry)
    assert (report.verdict, report.overflowed, report.known) == ("holds", 2, 2)


def test_promises_of_many_terms_and_those_of_which_nothing_is_proved() -> None:
    """n·u may exceed 1; if an operand overflows when it is rounded, the verdict stays open."""
    format = find_format("bfloat16")
    operands = arrays(LARGE, format)
    operands["x"][0, 0, 0, 0] = 2.0**17
    weight = estimates("weight", LARGE, operands)
    assert weight.counts.max() > 256
    promises = Accumulation(operands="float16"), Accumulation(accumulate="bfloat16")
    report = judged("weight", weight.rounded(format), format, LARGE, operands, *promises)
    unknown, holds = report.promises
    assert (unknown.verdict, unknown.bound) == ("undecided", None)
    assert "x[0, 0, 0, 0] is 131072.0, which overflows float16" in str(unknown.problem)
    assert report.verdict == holds.verdict == "holds"


def test_an_infinite_bound_decides_nothing() -> None:
    geometry = Geometry.of((1, 1, 2, 2), (1, 1, 1, 1))

    def huge(result: FloatArray, operands: dict[str, FloatArray]) -> None:
        operands["x"][...] = 1.7e308
        operands["weight"][...] = 1e300
        result[...] = 0

    report = checked("output", huge, "float64", geometry)
    (promise,) = report.promises
    assert (promise.beyond, promise.undecided) == (0, 4)
    assert report.verdict == promise.verdict == "undecided"


def test_flushed_subnormals_hold_as_such_only() -> None:
    case = next(case for case in suite() if case.label == "bfloat16-subnormal")
    format = case.float_format
    kept = assumed(format)
    flushed = kept.model_copy(update={"flushed": True})
    zero = np.zeros(case.convolution.weight_shape, format.dtype)
    report = judged("weight", zero, format, case.convolution, case.values, kept, flushed)
    assert [promise.verdict for promise in report.promises] == ["violates", "holds"]


def fake_torch(*, gpu: bool = False, instructions: bool = True) -> Any:
    return SimpleNamespace(
        __version__="0.fake",
        cuda=SimpleNamespace(is_available=lambda: gpu, get_device_name=lambda: "a GPU"),
        backends=SimpleNamespace(cpu=SimpleNamespace(get_cpu_capability=lambda: "NONE")),
        get_num_threads=lambda: 1,
        ops=SimpleNamespace(mkldnn=SimpleNamespace(_is_mkldnn_bf16_supported=lambda: instructions)),
    )


def run(
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    compute: Callable[..., Any] = by_blas,
    torch: Any = None,
) -> Ran:
    monkeypatch.setattr(check, "import_torch", lambda: torch or fake_torch())
    monkeypatch.setattr(against, "torch_results", compute)
    return invoke(check.app, ["--against", "torch", *arguments])


def test_the_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    result = run(monkeypatch, *SMALL, "--json", "--report", str(path))
    assert result.exit_code == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert json.loads(path.read_text()) == report
    assert report["passed"] is True
    assert report["interrupted"] is False
    assert report["against"] == "torch"
    assert report["descriptions"][0].startswith("PyTorch 0.fake on cpu")
    assert [layer["label"] for layer in report["layers"]] == [
        case.label for case in suite() if case.label in LABELS
    ]
    for layer in report["layers"]:
        assert layer["skipped"] is None
        assert list(layer["results"]) == list(Result)
        for outcome in layer["results"].values():
            assert outcome["verdict"] == "holds"
            assert outcome["entries"] == outcome["known"] == np.prod(outcome["shape"])
            (promise,) = outcome["promises"]
            assert set(promise) == {
                "arithmetic", "bound", "ratio", "beyond", "undecided", "problem", "verdict",
            }  # fmt: skip


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, *SMALL)
    assert result.exit_code == 0
    assert "suite ×1" in result.stdout
    assert (
        "16 of 16 results: every known true error is within the any-order bound; " in result.stdout
    )
    each = run(monkeypatch, *SMALL, "--each", "--dtype", "bfloat16,float64")
    assert "bfloat16-basic" in each.stdout
    assert "float32" in each.stdout
    assert "everything" not in each.stdout
    assert "8 of 8 results" in each.stdout


def planted(
    torch: Any, setting: Setting, geometry: Geometry, operands: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    results = by_blas(torch, setting, geometry, operands)
    results["weight"].flat[0] += setting.format.dtype.type(3)
    return results


def test_a_planted_error(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, *SMALL, compute=planted)
    assert result.exit_code == 1
    assert "12 of 16 results: every known" in result.stdout
    assert "binary64-basic, float64, weight: not sums in float64: 1 of" in result.stdout


def refusing(torch: Any, setting: Setting, *rest: Any) -> dict[str, FloatArray]:
    if setting.dtype == "float16":
        raise Refused("not implemented for Half")
    return by_blas(torch, setting, *rest)


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, *SMALL, compute=refusing)
    assert result.exit_code == 0
    assert "skipped: PyTorch refuses: not implemented for Half" in result.stdout
    assert "1 skipped" in result.stdout
    alone = run(monkeypatch, *SMALL, "--dtype", "float16", compute=refusing)
    assert alone.exit_code == 1


def test_an_interrupt_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    calls = []

    def interrupted(*arguments: Any) -> dict[str, FloatArray]:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return by_blas(*arguments)

    result = run(monkeypatch, *SMALL, "--report", str(path), compute=interrupted)
    assert result.exit_code == 130
    assert result.stderr.endswith("error: interrupted; checked before: 2 layers\n")
    assert result.stdout.rstrip().endswith("interrupted")
    report = json.loads(path.read_text())
    assert (len(report["layers"]), report["interrupted"], report["passed"]) == (2, True, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--against torch --device cuda", "--device cuda: PyTorch finds no GPU"),
        ("--against torch --dtype int8", "--dtype: expected some of float32, tf32, float64"),
        ("--against torch --dtype tf32", "--dtype tf32: only a GPU computes in it"),
        ("--against torch --layers nothing", "--layers: no label matches 'nothing'; there are res"),
        ("--against torch --case nothing", "--case: no label matches 'nothing'; there are binary"),
        ("--against torch --x 1,1,2,2", "--x applies to checks against Lean"),
        ("--against torch --format float32", "--format applies to checks against Lean"),
        ("--against torch a.npz", "FILE.npz applies to checks against Lean"),
        ("--layers vgg16-*", "--layers applies to --against torch: expected that, too"),
        ("--quick", "--quick applies to --against torch: expected that, too"),
    ],
)
def test_bad_usage(arguments: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "import_torch", fake_torch)
    result = RUNNER.invoke(check.app, arguments.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", ["--against jax", "--against torch --device tpu"])
def test_an_unknown_choice_is_refused(arguments: str) -> None:
    result = RUNNER.invoke(check.app, arguments.split())
    assert result.exit_code == 2
    assert f"'{arguments.split()[-1]}' is not one of " in result.stderr
    assert result.stdout == ""


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = RUNNER.invoke(check.app, ["--against", "torch"])
    assert result.exit_code == 2
    assert result.stderr == (
        f"error: --against torch: PyTorch is not installed, expected {install_command('torch')}\n"
    )


def test_plans() -> None:
    both = devices(fake_torch(gpu=True), "auto")
    assert both == ("cpu", "cuda")
    assert devices(fake_torch(), "auto") == ("cpu",)
    plan = Plan.of(both, quick=True)
    labels = [setting.label for setting in plan.layers[0][1]]
    assert labels == [
        "float32", "float64", "bfloat16",
        "cuda float32", "cuda tf32", "cuda float64", "cuda bfloat16", "cuda float16",
    ]  # fmt: skip
    assert len(plan) == len(plan.cases) + 8 * len(plan.layers)
    assert len({(case.label, setting) for case, setting in plan.cases}) == len(plan.cases)
    assert sum(case.format == "binary32" for case, _ in plan.cases) == 3 * 28
    vgg = Plan.of(("cpu",), layer_patterns=["vgg16-*"], dtypes=["float32"])
    assert (len(vgg), vgg.cases) == (9, [])
    work = next(iter(Plan.of(("cpu",), layer_patterns=["*-dw960-*"], dtypes=["bfloat16"])))
    assert work.rounded()["x"].dtype.name == "bfloat16"


def test_promises() -> None:
    def texts(device: Any, dtype: str, **options: Any) -> list[str]:
        return [p.text for p in promises(fake_torch(**options), Setting(device, dtype))]

    assert texts("cpu", "float32") == ["float32"]
    assert texts("cuda", "float64") == ["float64"]
    assert texts("cuda", "tf32") == [
        "float32 of tf32 (cut)",
        "float32 of tf32",
        "float32 of tf32 (cut), toward zero",
        "float32 of tf32, toward zero",
    ]
    assert texts("cpu", "bfloat16") == ["float32", "float32, flushed"]
    assert texts("cpu", "bfloat16", instructions=False) == ["float32", "bfloat16"]
    assert texts("cpu", "float16") == ["float32", "float16"]
    assert texts("cuda", "float16") == ["float32", "float32, toward zero"]


@pytest.mark.torch
def test_pytorch_on_the_suite_and_a_few_layers() -> None:
    arguments = ["--layers", "*-dw960-*", "--layers", "*-576to160-*", "--case", "*", "--json"]
    result = RUNNER.invoke(check.app, ["--against", "torch", "--device", "cpu", *arguments])
    assert result.exit_code == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    dtypes = {layer["dtype"] for layer in report["layers"] if layer["results"]}
    assert {"float32", "float64", "bfloat16"} <= dtypes
    for layer in report["layers"]:
        if layer["dtype"] in ("float32", "float64"):
            assert all(len(outcome["promises"]) == 1 for outcome in layer["results"].values())


def test_pytorch_with_a_planted_error(monkeypatch: pytest.MonkeyPatch, torch: Any) -> None:

    def changed(*arguments: Any) -> dict[str, FloatArray]:
        results = torch_results(*arguments)
        results["input"] = results["input"].copy()
        results["input"][..., 0] *= 2
        return results

    result = run(monkeypatch, "--case", "binary32-everything", compute=changed, torch=torch)
    assert result.exit_code == 1
    assert "binary32-everything, float32, input: not sums in float32" in result.stdout


def test_pytorch_s_asymmetric_padding(torch: Any) -> None:
    case = next(case for case in suite() if case.label == "binary32-asymmetric-padding")
    operands = {n: case.values[n] for n in ("x", "weight", "bias", "grad_output")}
    results = torch_results(torch, Setting("cpu", "float32"), case.geometry, operands)
    shapes = {name: array.shape for name, array in results.items()}
    assert shapes == case.convolution.result_shapes


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_pytorch_s_winograd_is_not_a_sum_of_products(torch: Any) -> None:
    """NNPACK's error depends on the tile, which one large entry spoils: the enclosure shows it."""
    if not torch._nnpack_available():
        pytest.skip("this PyTorch has no NNPACK")
    geometry = Geometry.of((16, 8, 16, 16), (8, 8, 3, 3), padding=1)
    operands = arrays(geometry, find_format("float32"))
    operands["x"][:, :, 4, 4] = 1e6

    def report(direct: bool) -> ResultReport:
        with torch.no_grad(), torch.backends.mkldnn.flags(enabled=direct):
            x, weight, bias = (torch.from_numpy(operands[n]) for n in ("x", "weight", "bias"))
            output = torch.nn.functional.conv2d(x, weight, bias, padding=1)
        format = find_format("float32")
        return judged("output", output.numpy(), format, geometry, operands, assumed(format))

    assert report(direct=True).verdict == "holds"
    winograd = report(direct=False)
    if winograd.verdict == "holds":
        pytest.skip("this PyTorch does not choose Winograd here")
    assert winograd.verdict == "violates"
    assert winograd.known == winograd.entries
    assert winograd.promises[0].ratio is not None
    assert winograd.promises[0].ratio < 0.1
