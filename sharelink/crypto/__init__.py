"""How to seal: keys, tokens, codes and the two layers around a secret. Knows no database and no web."""
