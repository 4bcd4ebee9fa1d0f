"""How we reach the database and the broker, and the protocol by which a row gets its work done."""
