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
from holdfast.contracts import http, query_parameters
from holdfast.resilience.admission import Priority
from holdfast.resilience.settings import PRODUCT_CACHE, SEARCH_CACHE

_UNMATCHED: Final = "version-mismatch"
_REUSED: Final = {422: ("idempotency-key-reused",)}

SIGN_IN_ROUTE: Final = Route(
    "POST", "/api/sessions", "open_session", "Start as a guest, or sign in", "shop", "command-service", ANYONE,
    http.Session, SIGN_IN, 201, body=http.NewSession, key="ignored", lane=Lane.SIGN_IN,
    codes={401: ("invalid-credentials",)}, group="sign-in",
)  # fmt: skip
REGISTER_ROUTE: Final = Route(
    "POST", "/api/customers", "register", "Become a customer", "shop", "command-service", ANYONE,
    http.Registered, SIGN_IN, 201, body=http.NewCustomer, lane=Lane.SIGN_IN,
    codes={409: ("already-registered", "email-taken", "request-in-progress"), 422: ("idempotency-key-reused",)},
    group="registration", admits_ended=True,
)  # fmt: skip
PASSWORD_ROUTE: Final = Route(
    "PUT", "/api/profile/password", "change_password", "Change the password, which ends all other sessions", "shop",
    "command-service", REGISTERED, http.Customer, SIGN_IN, body=http.PasswordChange, lane=Lane.SIGN_IN,
    codes={401: ("invalid-credentials",), 404: ("not-found",)}, group="password",
)  # fmt: skip

_SESSIONS: Final = (
    Route(
        "DELETE", "/api/sessions/current", "end_session", "Sign out", "shop", "command-service", CALLERS,
        http.Customer, group="sign-out",
    ),
)  # fmt: skip

_PRODUCTS: Final = (
    Route(
        "GET", "/api/products", "list_products", "Find products", "shop", "query-service", ANYONE,
        http.ProductPage, READ, query=query_parameters.ProductParameters, cache=SEARCH_CACHE,
        priority=Priority.BROWSE,
        codes={400: ("cursor-invalid",)}, group="search",
    ),
    Route(
        "GET", "/api/products/{product_id}", "get_product", "One product", "shop", "query-service", ANYONE,
        http.ProductDetails, READ, fallback=WRITE_MODEL, cache=PRODUCT_CACHE,
        waits_for_tokens=True, priority=Priority.BROWSE, codes={404: ("product-unknown",)}, group="browse",
    ),
    Route(
        "GET", "/api/products/{product_id}/recommendations", "get_recommendations", "What is bought together with it",
        "shop", "query-service", ANYONE, http.RecommendationPage, READ, query=query_parameters.ListParameters,
        cache=PRODUCT_CACHE, priority=Priority.RECOMMENDATIONS,
        codes={400: ("cursor-invalid",), 404: ("product-unknown",)}, group="recommendations",
    ),
)  # fmt: skip

_CART: Final = (
    Route(
        "GET", "/api/cart", "get_cart", "The caller's cart", "shop", "query-service", CALLERS, http.Cart, READ,
        fallback=WRITE_MODEL, waits_for_tokens=True, group="cart-view",
    ),
    Route(
        "POST", "/api/cart/items", "add_to_cart", "Put a product into the cart", "shop", "command-service", CALLERS,
        http.CartVersion, body=http.CartItem, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 409: ("product-discontinued", "cart-full"), 412: (_UNMATCHED,)},
        group="cart",
    ),
    Route(
        "PUT", "/api/cart/items/{product_id}", "change_quantity", "Set a line's quantity; 0 removes it", "shop",
        "command-service", CALLERS, http.CartVersion, body=http.CartQuantity, conditional=True, any_part=True,
        codes=_REUSED | {
            404: ("line-unknown",), 409: ("product-discontinued", "cart-full"), 412: (_UNMATCHED,),
        },
        group="cart",
    ),
    Route(
        "DELETE", "/api/cart/items/{product_id}", "remove_from_cart", "Remove a line", "shop", "command-service",
        CALLERS, http.CartVersion, conditional=True, any_part=True, group="cart",
        codes=_REUSED | {404: ("line-unknown",), 412: (_UNMATCHED,)},
    ),
    Route(
        "DELETE", "/api/cart", "clear_cart", "Empty the cart", "shop", "command-service", CALLERS, http.CartVersion,
        conditional=True, codes=_REUSED | {412: (_UNMATCHED,)}, group="cart",
    ),
    Route(
        "POST", "/api/checkout", "check_out", "Order what is in the cart", "shop", "command-service", CALLERS,
        http.CheckedOut, CHECKOUT, 201, also={202: http.CheckedOut}, body=http.Checkout, key="required",
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
        http.OrderPage, READ, query=query_parameters.OrderParameters, fallback=WRITE_MODEL, waits_for_tokens=True,
        codes={400: ("cursor-invalid",)}, group="orders",
    ),
    Route(
        "GET", "/api/orders/{order_id}", "get_order", "One order", "shop", "query-service", CALLERS, http.Order, READ,
        fallback=WRITE_MODEL, waits_for_tokens=True, codes={404: ("order-unknown",)}, group="orders",
    ),
    Route(
        "GET", "/api/orders/{order_id}/history", "get_order_history", "An order's events", "shop", "command-service",
        CALLERS, http.HistoryPage, READ, query=query_parameters.ListParameters,
        codes={400: ("cursor-invalid",), 404: ("order-unknown",)}, group="order-history",
    ),
    Route(
        "POST", "/api/orders/{order_id}/cancel", "cancel_order", "Cancel an order", "shop", "command-service", CALLERS,
        # As a checkout: it locks as many products, and the refund is asked for in the same call. But it can wait.
        http.Cancelled, CHECKOUT, body=http.Cancel, conditional=True, lane=Lane.CHECKOUT,
        codes=_REUSED | {404: ("order-unknown",), 409: ("order-not-cancellable",), 412: (_UNMATCHED,)},
        group="cancellation",
    ),
)  # fmt: skip

_PROFILE: Final = (
    Route(
        "GET", "/api/profile", "get_profile", "The caller's profile", "shop", "query-service", REGISTERED,
        http.Profile, READ, fallback=WRITE_MODEL, waits_for_tokens=True, codes={404: ("not-found",)},
        group="profile-view",
    ),
    Route(
        "PUT", "/api/profile", "change_profile", "Change the profile", "shop", "command-service", REGISTERED,
        http.CustomerVersion, body=http.ProfileChange, conditional=True,
        codes=_REUSED | {404: ("not-found",), 409: ("email-taken",), 412: (_UNMATCHED,)}, group="profile",
    ),
)  # fmt: skip

_ADMIN_PRODUCTS: Final = (
    Route(
        "POST", "/api/admin/products", "create_product", "Add a product", "admin", "command-service", ADMINS,
        http.ProductVersion, status=201, body=http.NewProduct, codes=_REUSED | {409: ("product-exists",)},
        group="admin-products",
    ),
    Route(
        "PUT", "/api/admin/products/{product_id}/price", "change_price", "Change a price", "admin", "command-service",
        ADMINS, http.ProductVersion, body=http.PriceChange, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 409: ("product-discontinued",), 412: (_UNMATCHED,)},
        group="admin-products",
    ),
    Route(
        "POST", "/api/admin/products/{product_id}/stock", "adjust_stock", "Raise or lower the stock", "admin",
        "command-service", ADMINS, http.ProductVersion, body=http.StockChange, conditional=True,
        codes=_REUSED | {
            404: ("product-unknown",), 409: ("stock-negative", "product-discontinued"), 412: (_UNMATCHED,),
        },
        group="admin-products",
    ),
    Route(
        "DELETE", "/api/admin/products/{product_id}", "discontinue_product", "Take a product off the shelves", "admin",
        "command-service", ADMINS, http.ProductVersion, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 409: ("product-discontinued",), 412: (_UNMATCHED,)},
        group="admin-products",
    ),
    Route(
        "POST", "/api/admin/products/{product_id}/relist", "relist_product", "Sell a discontinued product again",
        "admin", "command-service", ADMINS, http.ProductVersion, conditional=True,
        codes=_REUSED | {404: ("product-unknown",), 412: (_UNMATCHED,)}, group="admin-products",
    ),
)  # fmt: skip

_ADMIN: Final = (
    Route(
        "GET", "/api/admin/orders", "list_all_orders", "Orders; those to ship with `status=paid`", "admin",
        "query-service", ADMINS, http.AdminOrderPage, READ, query=query_parameters.AdminOrderParameters,
        priority=Priority.BROWSE, codes={400: ("cursor-invalid",)}, group="admin-lists",
    ),
    Route(
        "POST", "/api/admin/orders/{order_id}/ship", "ship_order", "Ship an order", "admin", "command-service", ADMINS,
        http.Shipped, body=http.Shipment, conditional=True,
        codes=_REUSED | {404: ("order-unknown",), 409: ("order-not-shippable",), 412: (_UNMATCHED,)},
        group="shipping",
    ),
    Route(
        "GET", "/api/admin/customers", "list_customers", "Customers' profiles", "admin", "query-service", ADMINS,
        http.ProfilePage, READ, query=query_parameters.CustomerParameters, priority=Priority.BROWSE,
        codes={400: ("cursor-invalid",)}, group="admin-lists",
    ),
    Route(
        "GET", "/api/admin/sales", "get_sales", "What was sold", "admin", "query-service", ADMINS, http.Sales, READ,
        query=query_parameters.SalesParameters, priority=Priority.BROWSE, group="admin-lists",
    ),
    Route(
        "GET", "/api/admin/streams/{stream_id}", "get_stream", "An aggregate's history, folded at any version",
        "admin", "command-service", ADMINS, http.StreamHistory, READ, query=query_parameters.StreamParameters,
        priority=Priority.BROWSE, codes={400: ("cursor-invalid",), 404: ("stream-unknown",)}, group="streams",
    ),
)  # fmt: skip

FORWARDED: Final[tuple[Route, ...]] = (*_SESSIONS, *_PRODUCTS, *_CART, *_ORDERS, *_PROFILE, *_ADMIN_PRODUCTS, *_ADMIN)
