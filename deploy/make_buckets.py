"""Create the buckets named on the command line if they are missing, through the connection ``minio``."""

import sys

from airflow.providers.amazon.aws.hooks.s3 import S3Hook

hook = S3Hook(aws_conn_id="minio")
for name in sys.argv[1:]:
    if not hook.check_for_bucket(name):
        hook.create_bucket(bucket_name=name)
