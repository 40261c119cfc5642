-- Deterministic rows: nothing here depends on the clock or on chance.
SET search_path = shop, extensions, public;

INSERT INTO client (name, email, tags, facts, extra, photo)
SELECT
  (ARRAY['Ana Kovač', 'Björn Müller', 'Chiara García', 'Đurđa Babić', 'Kenji Ito'])[1 + i % 5] || ' ' || i,
  'client' || i || '@shop.example',
  ARRAY['tag' || i % 7, 'a"b', 'c,d', NULL],
  jsonb_build_object('visits', i % 100, 'ratio', i / 7.0, 'list', jsonb_build_array(i, 'x', NULL)),
  hstore(ARRAY['key', 'empty'], ARRAY['value ' || i, NULL]),
  decode(md5(i::text), 'hex')
FROM generate_series(1, greatest(:rows / 10, 10)) AS i;

INSERT INTO account (id, client, iban, unit, note)
SELECT i, 1 + i % greatest(:rows / 10, 10), 'HR' || lpad((i::bigint * 7919)::text, 20, '0'),
  (enum_range(NULL::currency))[1 + i % 5],
  'note ' || md5(i::text) || CASE WHEN i % 1000 = 0 THEN E'\ttab, line\nand čšž' ELSE '' END
FROM generate_series(1, :rows) AS i;

INSERT INTO transfer (at, from_account, to_account, cents)
SELECT timestamptz '2025-06-01 00:00:00+00' + make_interval(hours => i * 24), i, i + 1, i
FROM generate_series(1, 400) AS i;

INSERT INTO "order" (id, client, during, quantity, amount, origin, place)
SELECT md5('order' || i)::uuid, 1 + i % 10,
  tstzrange(timestamptz '2026-01-01 00:00:00+00' + make_interval(hours => i),
            timestamptz '2026-01-01 00:00:00+00' + make_interval(hours => i + 1)),
  1 + i % 9, i * 1.000001, ('10.0.' || i % 256 || '.1')::inet, point(i, -i)
FROM generate_series(1, 300) AS i;

BEGIN;
INSERT INTO team VALUES (1, 1, 'first'), (2, 2, 'second');
INSERT INTO member VALUES (1, 1), (2, 2), (3, 1);
COMMIT;

INSERT INTO scratch SELECT i, 'lost after a crash' FROM generate_series(1, 50) AS i;
INSERT INTO "Čudna ""tablica""; -- ime" VALUES (1, 'један'), (2, NULL), (3, '');

CREATE INDEX account_client ON account (client);
CREATE INDEX account_rich ON account (balance_cents) WHERE balance_cents > 200000;
CREATE INDEX client_name_trigrams ON client USING gin (name gin_trgm_ops);
CREATE INDEX client_lower ON client (lower(email));
ANALYZE;
