"""How a node is served behind the buffering proxy: `gunicorn --config deploy/gunicorn.conf.py wsgi:app`.

Without such a proxy use `sharelink serve`: slow clients would take all threads here.
"""

import os

bind = os.environ.get("SHARELINK_NODE_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("SHARELINK_NODE_WORKERS", "2"))
threads = int(os.environ.get("SHARELINK_NODE_THREADS", "8"))
worker_class = "gthread"
# Each worker loads the application itself: database connections must not cross a fork.
preload_app = False
# Its own log of requests would hold paths, and with them the tokens of links; the application writes its own.
accesslog = None
errorlog = "-"
loglevel = "warning"
# It would be made in the home directory, which a read-only container does not have.
control_socket_disable = True
# The application says 503 within 35 s; a worker that is silent for longer hangs.
timeout = 60
graceful_timeout = 45
# Longer than the proxy keeps a connection that it does not use.
keepalive = 40
umask = 0o077
worker_tmp_dir = "/dev/shm"  # noqa: S108 - in memory; holds nothing but the time of the last sign of life
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
# The application counts the hops that it trusts (SHARELINK_TRUSTED_PROXY_HOPS); the server believes nobody.
forwarded_allow_ips = ""
secure_scheme_headers = {}
