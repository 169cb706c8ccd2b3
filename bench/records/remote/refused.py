"""What a place elsewhere refused, in one line with what to do about it."""

from bench.errors import StoreError, reason

_CREDENTIALS = "give your credentials as its client looks for them"
_REMEDIES = (
    (("NO_SUCH_BUCKET", "NoSuchBucket", "ContainerNotFound"), "no such bucket", "make it, or give another"),
    (
        ("ACCESS_DENIED", "AccessDenied", "HTTP response code 403", "Forbidden", "Permission"),
        "may not be done",
        "ask its owner to let you read, write, list and delete there, or check your credentials",
    ),
    (("Credential", "credential", "token"), "does not know you", _CREDENTIALS),
    (
        ("NETWORK_CONNECTION", "curlCode", "Could not resolve", "onnection refused"),
        "cannot be reached",
        "check the address and the network",
    ),
    (
        ("libjvm", "libhdfs", "CLASSPATH"),
        "cannot be reached without Java and Hadoop",
        "set JAVA_HOME, HADOOP_HOME and CLASSPATH to those of this machine",
    ),
)


def refused(path: str, step: str, error: Exception) -> StoreError:
    """The error for a place where nothing can be `step`, such as "written", which `error` told."""
    text = str(error).partition("AWS Error")[2] or str(error)  # without the path, which may hold any word
    for signs, what, remedy in _REMEDIES:
        if any(sign in text for sign in signs):
            told = what if step == "written" else f"{what}: nothing can be {step}"
            return StoreError(f"{path}: {told}; {remedy}")
    return StoreError(f"{path}: nothing can be {step}: {reason(error)}; check address, network and rights")
