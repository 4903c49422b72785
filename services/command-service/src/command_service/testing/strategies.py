"""Values for property tests, within the ranges that API.md lets in, few enough to meet each other."""

from hypothesis import strategies as st

from command_service.domain import cart, product
from command_service.domain.cart import Cart
from command_service.domain.order import Details
from command_service.domain.product import Listed
from command_service.domain.values import MAX_LINE_QUANTITY, Address, CustomerId, OrderId, OrderLine, ProductId

ORDER = OrderId("0190aaaa-0000-7000-8000-000000000001")
CUSTOMER = CustomerId("0190bbbb-0000-7000-8000-000000000002")
ADDRESS = Address("Ada", "1 High St", None, "London", "N1 1AA", "GB")

product_ids = st.sampled_from([ProductId(each) for each in ("mug", "MUG", "lantern", "85123A")])
quantities = st.one_of(st.integers(1, 20), st.integers(MAX_LINE_QUANTITY - 3, MAX_LINE_QUANTITY))
amounts = st.integers(1, 10_000_000)
carts = st.builds(Cart, st.dictionaries(product_ids, quantities, max_size=4))
listed = st.builds(
    Listed,
    name=st.sampled_from(["A mug", "A lantern"]),
    description=st.just(""),
    category=st.just("Kitchen"),
    unit_amount=amounts,
    currency=st.just("GBP"),
    available=st.one_of(st.integers(0, 30), st.just(MAX_LINE_QUANTITY)),
)
cart_commands = st.one_of(
    st.builds(cart.AddItem, product_ids, quantities),
    st.builds(cart.ChangeQuantity, product_ids, st.one_of(st.just(0), quantities)),
    st.builds(cart.RemoveItem, product_ids),
    st.just(cart.Clear()),
)
product_commands = st.one_of(
    st.builds(
        product.Create, st.just("A mug"), st.just(""), st.just("Kitchen"), amounts, st.just("GBP"), st.integers(0, 50)
    ),
    st.builds(product.ChangePrice, st.just(ProductId("mug")), amounts),
    st.builds(product.AdjustStock, st.just(ProductId("mug")), st.integers(-10_000_000, 10_000_000), st.just("counted")),
    st.builds(product.AdjustStock, st.just(ProductId("mug")), st.integers(-20, 20), st.just("counted")),
    st.just(product.Discontinue(ProductId("mug"))),
)
order_lines = st.lists(
    st.builds(OrderLine, product_ids, st.just("A mug"), quantities, amounts),
    min_size=1,
    max_size=4,
    unique_by=lambda line: line.product_id,
)
details = st.builds(
    lambda lines: Details(CUSTOMER, tuple(lines), sum(line.line_amount for line in lines), "GBP", None), order_lines
)
