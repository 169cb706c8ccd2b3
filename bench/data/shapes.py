"""The data sets' names and sizes. The command line reads them, so nothing is imported here."""

DATASET_NAMES = ("mnist", "fashion-mnist", "digits")

TRAIN_SIZE = 50_000
VAL_SIZE = 10_000
TEST_SIZE = 10_000

SIDE = 28
PIXELS = 784
CLASSES = 10
