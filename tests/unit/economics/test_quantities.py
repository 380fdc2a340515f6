"""Kubernetes quantities: as the API server reads them."""

from decimal import Decimal

import pytest

from palier.economics.quantities import cpu, mebibytes, quantity


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("0", "0"),
        ("0.1", "0.1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+1", "1"),
        ("-1", "-1"),
        ("128974848", "128974848"),
        ("129e6", "129000000"),
        ("129M", "129000000"),
        ("123Mi", "128974848"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1G", "1000000000"),
        ("1Gi", "1073741824"),
        ("1.5Gi", "1610612736"),
        ("1T", "1e12"),
        ("1Ti", "1099511627776"),
        ("1P", "1e15"),
        ("1Pi", "1125899906842624"),
        ("1E", "1e18"),
        ("1Ei", "1152921504606846976"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e+3", "1000"),
        ("1e-3", "0.001"),
        ("250u", "0.00025"),
        ("3n", "0.000000003"),
        (2, "2"),
        (0.5, "0.5"),
        (0.1, "0.1"),
    ],
)
def test_a_quantity_is_an_exact_number(written: object, number: str) -> None:
    """Each suffix and form has its value, without a binary rounding; numbers need no quotes."""
    assert quantity(written) == Decimal(number)


@pytest.mark.parametrize(
    "written",
    [
        *("", "m", "Gi", "1e3m", "1Gie3", "1K", "1ki", "1mi", "1 Gi", " 1", "1\n", "1e", "e3", "1_000", "1,5", "1.2.3"),
        *("NaN", "inf", "\u0661", "1e9999", True, None, [1], {"a": 1}, float("nan"), float("inf")),
    ],
)
def test_what_is_no_quantity_is_refused(written: object) -> None:
    """No guess is made at two suffixes, an unknown one, or a suffix alone (which the API server reads as 0)."""
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(written)


@pytest.mark.parametrize(
    ("cores", "written"),
    [
        ("0.8501", "851m"),
        ("0.85", "850m"),
        ("2", "2"),
        ("1.9999", "2"),
        ("0.0001", "1m"),
        ("0", "0"),
        ("12.5", "12500m"),
    ],
)
def test_cores_are_written_rounded_up(cores: str, written: str) -> None:
    """A recommended request is never less than what was used, and is read back as a number of thousandths."""
    assert cpu(Decimal(cores)) == written
    assert Decimal(cores) <= quantity(written) < Decimal(cores) + Decimal("0.001")


@pytest.mark.parametrize(
    ("number", "written"), [("1048576", "1Mi"), ("1048577", "2Mi"), ("1447034880", "1380Mi"), ("0.5", "1Mi")]
)
def test_bytes_are_written_rounded_up(number: str, written: str) -> None:
    """A recommended memory is never less than what was asked for."""
    assert mebibytes(Decimal(number)) == written
    assert quantity(written) >= Decimal(number)
