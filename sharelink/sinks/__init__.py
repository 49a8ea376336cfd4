"""The second sink: leaves that go to a syslog server or a file as well, as well as that is possible."""
