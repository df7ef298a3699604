from tests.portal.organisation import organisation

__all__ = ["organisation"]
