from transport_server import speaking  # noqa: F401  # a fixture
