"""`python -P download.py NAME`: Keras downloads a data set into its cache.

A program of its own because it imports TensorFlow, which the process that wants the data must not; it imports
nothing of `bench`.
"""

import sys


def main(name: str) -> int:
    """Download `name` (mnist or fashion-mnist); on failure its reason is the last line on stderr."""
    try:
        from keras.datasets import fashion_mnist, mnist

        {"mnist": mnist, "fashion-mnist": fashion_mnist}[name].load_data()
    # Whatever stops Keras, the parent has other things to say about it than a traceback.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        sys.stderr.write(f"{reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
