-- Marks of the networks from which a customer has signed in, the newest first, at most eight (CORRECTNESS 7). A mark is
-- 20 bits of a hash over customer and network: enough to recognise a network, too few to find it.
ALTER TABLE credentials ADD COLUMN known_networks integer[] NOT NULL DEFAULT '{}';
