"""Other systems' APIs, served from our own ledger; one package each."""
