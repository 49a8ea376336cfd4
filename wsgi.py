"""The application for any WSGI server: `gunicorn wsgi:app`, `granian --interface wsgi wsgi:app`."""

import os

from sharelink.start import application

app = application(os.environ)
