-- E-mails in their new normal form, from what the customers wrote: `ß` was kept as `ss` before, and decomposed letters as
-- they came. The form is Python's to compute: normalise_emails in adapters/credentials.py does it in this transaction.
SELECT 1;
