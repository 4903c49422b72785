-- What is still owed to the ledger, written in the transaction of the checkout or cancellation that owes it
-- (CORRECTNESS 9). Payment tokens stand here and nowhere else, and go with the row.
CREATE TABLE payment_work (
    order_id        text COLLATE "C" PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('charge', 'void')),
    payment_token   text CHECK (kind <> 'charge' OR payment_token IS NOT NULL),
    next_attempt_at timestamptz NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    correlation_id  text,
    traceparent     text
);

CREATE INDEX payment_work_due ON payment_work (next_attempt_at);

-- Who may sign in. The e-mail in its normal form is unique here and stands in no event (CORRECTNESS 7).
CREATE TABLE credentials (
    customer_id   text COLLATE "C" PRIMARY KEY,
    email         text COLLATE "C" NOT NULL UNIQUE,
    password_hash text NOT NULL,
    role          text NOT NULL CHECK (role IN ('customer', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
