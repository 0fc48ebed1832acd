-- Sealed under k_link, always as long: which copies of the client's folder used the device's
-- certificate last, and on which days. NULL until the next hourly tally fills it in, which it does
-- for every device at once.
ALTER TABLE device ADD COLUMN machines BYTEA;
