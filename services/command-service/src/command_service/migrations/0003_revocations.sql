-- Sessions that ended before their tokens expire (ADR 24). Numbers are taken and committed in one order, since whoever
-- writes one holds a lock from there to its commit: a reader that has seen a number has seen all before it.
CREATE TABLE revocations (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject       text COLLATE "C" NOT NULL,
    expires_at    timestamptz NOT NULL,
    token_id      text,
    role          text,
    issued_before timestamptz,
    spared        text,
    CHECK (num_nonnulls(token_id, role, issued_before) = 1)
);
CREATE INDEX revocations_by_expiry ON revocations (expires_at);

-- Guests who have registered in the last 30 days may still hold their guest's tokens.
INSERT INTO revocations (subject, expires_at, role)
SELECT customer_id, now() + interval '30 days', 'guest' FROM credentials WHERE created_at > now() - interval '30 days';

-- The first administrator is an id. E-mail and password may change; whoever has the e-mail is not the administrator.
CREATE TABLE first_admin (
    single      boolean PRIMARY KEY DEFAULT true CHECK (single),
    customer_id text COLLATE "C" NOT NULL
);
INSERT INTO first_admin (customer_id)
SELECT customer_id FROM credentials WHERE role = 'admin' ORDER BY created_at LIMIT 1;
