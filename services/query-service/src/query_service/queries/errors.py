"""What a query can end with besides an answer. Fields, no HTTP statuses: `api/problems.py` maps them."""


class ProductUnknown(Exception):
    """No such product was ever created, as far as the read model knows."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"there is no product {product_id!r}")
        self.product_id = product_id


class OrderUnknown(Exception):
    """No such order, or one of somebody else."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"you have no order {order_id!r}")
        self.order_id = order_id
