"""What a file system or an object store refuses, in one line; and absence told from failure."""

from fsspec.exceptions import FSTimeoutError

#: Packages whose own exceptions tell of the store, not of us. Most of them are no OSErrors.
_STORAGE = frozenset(
    {
        "adlfs",
        "aiobotocore",
        "aiohttp",
        "azure",
        "boto3",
        "botocore",
        "fsspec",
        "gcsfs",
        "google",
        "httpx",
        "paramiko",
        "requests",
        "s3fs",
        "urllib3",
    }
)

_HINTS = {
    "NoCredentialsError": "no credentials were found, expected those of the store in the environment",
    "PartialCredentialsError": "the credentials are not complete",
    "FSTimeoutError": "no answer in time",
    "TimeoutError": "no answer in time",
}


def is_storage_error(error: BaseException) -> bool:
    """Whether a store, rather than our code, is to blame."""
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError | FSTimeoutError) or bool(packages & _STORAGE)


def is_absence(error: BaseException) -> bool:
    """Whether an error says that a file is not there, in a bucket and a folder that can be asked."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        return False
    if "bucket does not exist" in str(error).lower():
        return False
    cause = error.__cause__  # fsspec's HTTP takes whatever happens for a file that is not there
    return cause is None or not is_storage_error(cause) or is_absence(cause) or _says_not_found(cause)


def reason(error: BaseException) -> str:
    """Why it failed, in one line."""
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None and not is_absence(error):
        error = error.__cause__
    if hint := _HINTS.get(type(error).__name__):
        return hint
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:300]


def _says_not_found(error: BaseException) -> bool:
    """Whether a store's own error carries HTTP's 404, as aiohttp's and botocore's do."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or getattr(error, "status", "")) in ("404", "NoSuchKey", "NotFound")
