"""Every call of API.md that another service answers."""

from typing import Final

from gateway.routing import (
    ADMINS,
    ANYONE,
    CALLERS,
    CHECKOUT,
    READ,
    REGISTERED,
    SIGN_IN,
    WRITE_MODEL,
    Lane,
    Route,
)
from holdfast.contracts import query_parameters, requests, schemas
from holdfast.resilience.admission import Priority
from holdfast.resilience.settings import PRODUCT_CACHE, SEARCH_CACHE

_UNMATCHED: Final = "version-mismatch"
_REUSED: Final = {422: ("idempotency-key-reused",)}

SIGN_IN_ROUTE: Final = Route(
    "POST", "/api/sessions", "open_session", "Start as a guest, or sign in", "shop", "command-service", ANYONE,
    schemas.Session, SIGN_IN, 201, body=requests.NewSession, key="ignored", lane=Lane.SIGN_IN,
    codes={401: ("invalid-credentials",)}, group="sign-in",
)  # fmt: skip
REGISTER_ROUTE: Final = Route(
    "POST", "/api/customers", "register", "Become a customer", "shop", "command-service", ANYONE,
    schemas.Registered, SIGN_IN, 201, body=requests.NewCustomer, lane=Lane.SIGN_IN,
    codes={409: ("already-registered", "email-taken", "request-in-progress"), 422: ("idempotency-key-reused",)},
    group="registration", admits_ended=True,
)  # fmt: skip
PASSWORD_ROUTE: Final = Route(
    "PUT", "/api/profile/password", "change_password", "Change the password, which ends all other sessions", "shop",
    "command-service", REGISTERED, schemas.Customer, SIGN_IN, body=requests.PasswordChange, lane=Lane.SIGN_IN,
    codes={401: ("invalid-credentials",), 404: ("not-found",)}, group="password",
)  # fmt: skip

_SESSIONS: Final = (
    Route(
        "DELETE", "/api/sessions/current", "end_session", "Sign out", "shop", "command-service", CALLERS,
        schemas.Customer, group="sign-out",
    ),
)  # fmt: skip

_PRODUCTS: Final = (
    Route(
        "GET", "/api/products", "list_products", "Find products", "shop", "query-service", ANYONE,
        schemas.ProductPage, READ, query=query_parameters.ProductParameters, cache=SEARCH_CACHE,
        priority=Priority.BROWSE,
        codes={400: ("cursor-invalid",)}, group="search",
    ),
    Route(
        "GET", "/api/products/{product_id}", "get_product", "One product", "shop", "query-service", ANYONE,
        schemas.ProductDetails, READ, fallback=WRITE_MODEL, cache=PRODUCT_CACHE,
        waits_for_tokens=True, priority=Priority.BROWSE, codes={404: ("product-unknown",)}, group="browse",
    ),
    Route(
        "GET", "/api/products/{product_id}/recommendations", "get_recommendations", "What is bought together with it",
        "shop", "query-service", ANYONE, schemas.RecommendationPage, READ, query=query_parameters.ListParameters,
        cache=PRODUCT_CACHE, priority=Priority.RECOMMENDATIONS,
        codes={400: ("cursor-invalid",), 404: ("product-unknown",)}, group="recommendations",
    ),
)  # fmt: skip

_CART: Final = (
    Route(
        "GET", "/api/cart", "get_cart", "The caller's cart", "shop", "query-service", CALLERS, schemas.Cart, READ,
        fallback=WRITE_MODEL, waits_for_tokens=True, group="cart-view",
    ),
    Route(
        "POST", "/api/cart/items", "add_to_cart", "Put a product into the cart", "shop", "command-service", CALLERS,
        schemas.CartVersion, body=requests.CartItem, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 409: ("product-discontinued", "cart-full"), 412: (_UNMATCHED,)},
        group="cart",
    ),
    Route(
        "PUT", "/api/cart/items/{product_id}", "change_quantity", "Set a line's quantity; 0 removes it", "shop",
        "command-service", CALLERS, schemas.CartVersion, body=requests.CartQuantity, conditional=True, any_part=True,
        codes=_REUSED | {
            404: ("line-unknown",), 409: ("product-discontinued", "cart-full"), 412: (_UNMATCHED,),
        },
        group="cart",
    ),
    Route(
        "DELETE", "/api/cart/items/{product_id}", "remove_from_cart", "Remove a line", "shop", "command-service",
        CALLERS, schemas.CartVersion, conditional=True, any_part=True, group="cart",
        codes=_REUSED | {404: ("line-unknown",), 412: (_UNMATCHED,)},
    ),
    Route(
        "DELETE", "/api/cart", "clear_cart", "Empty the cart", "shop", "command-service", CALLERS, schemas.CartVersion,
        conditional=True, codes=_REUSED | {412: (_UNMATCHED,)}, group="cart",
    ),
    Route(
        "POST", "/api/checkout", "check_out", "Order what is in the cart", "shop", "command-service", CALLERS,
        schemas.CheckedOut, CHECKOUT, 201, also={202: schemas.CheckedOut}, body=requests.Checkout, key="required",
        conditional=True, lane=Lane.CHECKOUT, priority=Priority.CHECKOUT,
        codes={
            400: ("idempotency-key-missing",),
            402: ("payment-declined",),
            409: ("cart-empty", "out-of-stock", "product-discontinued", "total-changed", "request-in-progress"),
            412: (_UNMATCHED,),
            422: ("idempotency-key-reused",),
        },
        group="checkout",
    ),
)  # fmt: skip

_ORDERS: Final = (
    Route(
        "GET", "/api/orders", "list_orders", "The caller's orders, newest first", "shop", "query-service", CALLERS,
        schemas.OrderPage, READ, query=query_parameters.OrderParameters, fallback=WRITE_MODEL, waits_for_tokens=True,
        codes={400: ("cursor-invalid",)}, group="orders",
    ),
    Route(
        "GET", "/api/orders/{order_id}", "get_order", "One order", "shop", "query-service", CALLERS, schemas.Order,
        READ, fallback=WRITE_MODEL, waits_for_tokens=True, codes={404: ("order-unknown",)}, group="orders",
    ),
    Route(
        "GET", "/api/orders/{order_id}/history", "get_order_history", "An order's events", "shop", "command-service",
        CALLERS, schemas.HistoryPage, READ, query=query_parameters.ListParameters,
        codes={400: ("cursor-invalid",), 404: ("order-unknown",)}, group="order-history",
    ),
    Route(
        "POST", "/api/orders/{order_id}/cancel", "cancel_order", "Cancel an order", "shop", "command-service", CALLERS,
        # As a checkout: it locks as many products, and the refund is asked for in the same call. But it can wait.
        schemas.Cancelled, CHECKOUT, body=requests.Cancel, conditional=True, lane=Lane.CHECKOUT,
        codes=_REUSED | {404: ("order-unknown",), 409: ("order-not-cancellable",), 412: (_UNMATCHED,)},
        group="cancellation",
    ),
)  # fmt: skip

_PROFILE: Final = (
    Route(
        "GET", "/api/profile", "get_profile", "The caller's profile", "shop", "query-service", REGISTERED,
        schemas.Profile, READ, fallback=WRITE_MODEL, waits_for_tokens=True, codes={404: ("not-found",)},
        group="profile-view",
    ),
    Route(
        "PUT", "/api/profile", "change_profile", "Change the profile", "shop", "command-service", REGISTERED,
        schemas.CustomerVersion, body=requests.ProfileChange, conditional=True,
        codes=_REUSED | {404: ("not-found",), 409: ("email-taken",), 412: (_UNMATCHED,)}, group="profile",
    ),
)  # fmt: skip

_ADMIN_PRODUCTS: Final = (
    Route(
        "POST", "/api/admin/products", "create_product", "Add a product", "admin", "command-service", ADMINS,
        schemas.ProductVersion, status=201, body=requests.NewProduct, codes=_REUSED | {409: ("product-exists",)},
        group="admin-products",
    ),
    Route(
        "PUT", "/api/admin/products/{product_id}/price", "change_price", "Change a price", "admin", "command-service",
        ADMINS, schemas.ProductVersion, body=requests.PriceChange, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 409: ("product-discontinued",), 412: (_UNMATCHED,)},
        group="admin-products",
    ),
    Route(
        "POST", "/api/admin/products/{product_id}/stock", "adjust_stock", "Raise or lower the stock", "admin",
        "command-service", ADMINS, schemas.ProductVersion, body=requests.StockChange, conditional=True,
        codes=_REUSED | {
            404: ("product-unknown",), 409: ("stock-negative", "product-discontinued"), 412: (_UNMATCHED,),
        },
        group="admin-products",
    ),
    Route(
        "DELETE", "/api/admin/products/{product_id}", "discontinue_product", "Take a product off the shelves", "admin",
        "command-service", ADMINS, schemas.ProductVersion, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 409: ("product-discontinued",), 412: (_UNMATCHED,)},
        group="admin-products",
    ),
    Route(
        "POST", "/api/admin/products/{product_id}/relist", "relist_product", "Sell a discontinued product again",
        "admin", "command-service", ADMINS, schemas.ProductVersion, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 412: (_UNMATCHED,)}, group="admin-products",
    ),
)  # fmt: skip

_ADMIN: Final = (
    Route(
        "GET", "/api/admin/orders", "list_all_orders", "Orders; those to ship with `status=paid`", "admin",
        "query-service", ADMINS, schemas.AdminOrderPage, READ, query=query_parameters.AdminOrderParameters,
        priority=Priority.BROWSE, codes={400: ("cursor-invalid",)}, group="admin-lists",
    ),
    Route(
        "POST", "/api/admin/orders/{order_id}/ship", "ship_order", "Ship an order", "admin", "command-service", ADMINS,
        schemas.Shipped, body=requests.Shipment, conditional=True,
        codes=_REUSED | {404: ("order-unknown",), 409: ("order-not-shippable",), 412: (_UNMATCHED,)},
        group="shipping",
    ),
    Route(
        "GET", "/api/admin/customers", "list_customers", "Customers' profiles", "admin", "query-service", ADMINS,
        schemas.ProfilePage, READ, query=query_parameters.CustomerParameters, priority=Priority.BROWSE,
        codes={400: ("cursor-invalid",)}, group="admin-lists",
    ),
    Route(
        "GET", "/api/admin/sales", "get_sales", "What was sold", "admin", "query-service", ADMINS, schemas.Sales, READ,
        query=query_parameters.SalesParameters, priority=Priority.BROWSE, group="admin-lists",
    ),
    Route(
        "GET", "/api/admin/streams/{stream_id}", "get_stream", "An aggregate's history, folded at any version",
        "admin", "command-service", ADMINS, schemas.StreamHistory, READ, query=query_parameters.StreamParameters,
        priority=Priority.BROWSE, codes={400: ("cursor-invalid",), 404: ("stream-unknown",)}, group="streams",
    ),
)  # fmt: skip

FORWARDED: Final[tuple[Route, ...]] = (*_SESSIONS, *_PRODUCTS, *_CART, *_ORDERS, *_PROFILE, *_ADMIN_PRODUCTS, *_ADMIN)
