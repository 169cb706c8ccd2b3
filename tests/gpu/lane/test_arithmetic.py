"""What the hardware did with a precision, read back from the error of a product against float64."""

import pytest

# Half a unit in the last place of 24, 11, 8 and 11 bits, over sums of a thousand products; the result of the
# 16-bit modes is rounded to 16 bits, too.
BANDS = {
    "float32": (1e-8, 3e-6),
    "tf32": (5e-5, 2e-3),
    "mixed_bfloat16": (5e-4, 1e-2),
    "mixed_float16": (5e-5, 2e-3),
}


@pytest.mark.parametrize("jit", [True, False], ids=["XLA", "TensorFlow"])
@pytest.mark.parametrize("precision", BANDS)
def test_a_product_errs_as_its_precision_says(precision, jit, worker, only_gpu):
    if precision == "tf32":
        only_gpu("tf32 is a mode of GPUs")
    low, high = BANDS[precision]
    assert low < worker("product_error", precision=precision, jit=jit) < high
