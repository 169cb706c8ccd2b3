"""Training one scenario in this process. The only part of the package that imports TensorFlow."""
