"""What a customer may know of the custody of their credential: the statement, and the links that open it."""
