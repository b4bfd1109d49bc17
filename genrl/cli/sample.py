def sample() -> None:
    """TBD"""
