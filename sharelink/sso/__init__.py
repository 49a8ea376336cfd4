"""Single sign-on: people sign in by an OpenID Connect provider. The libraries for it are an optional extra."""
