"""The floor: the smallest Flask application, on the same server with the same options as ours."""

import socket
import sys

from flask import Flask
from waitress.server import create_server

from sharelink.cli.server import waitress_options
from sharelink.settings import Settings

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """Say hello."""
    return "hello"


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    create_server(app, sockets=[listener], **waitress_options(Settings())).run()
