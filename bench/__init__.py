"""A training benchmark whose times can be trusted: Ray schedules, TensorFlow trains, Parquet keeps."""

__version__ = "0.1.0"
