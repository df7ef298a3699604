"""A real S3 server for a test, with one empty bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # as the environment names them
REGION = "us-east-1"


@contextmanager
def server(bucket: str) -> Iterator[str]:
    """The endpoint. The server runs in a thread, and all such servers of a process hold the same objects: it begins by forgetting them."""
    thread = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    thread.start()
    try:
        endpoint = "http://{}:{}".format(*thread.get_host_and_port())
        with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=60):  # noqa: S310 - it is http
            pass
        keys = {name.lower(): value for name, value in KEYS.items()}
        boto3.client("s3", endpoint_url=endpoint, region_name=REGION, **keys).create_bucket(Bucket=bucket)
        yield endpoint
    finally:
        thread.stop()
