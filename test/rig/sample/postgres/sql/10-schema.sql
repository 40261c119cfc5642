CREATE EXTENSION pgcrypto;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO PUBLIC;
CREATE EXTENSION hstore SCHEMA extensions;

CREATE SCHEMA shop AUTHORIZATION erlmcp_owner;
COMMENT ON SCHEMA shop IS 'Accounts, clients and orders';
SET ROLE erlmcp_owner;
SET search_path = shop, extensions, public;

CREATE TYPE currency AS ENUM ('eur', 'usd', 'gbp', 'jpy', 'chf');
CREATE TYPE money_amount AS (cents bigint, unit currency);
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%_@_%');
CREATE DOMAIN positive AS integer NOT NULL DEFAULT 1 CHECK (VALUE > 0);

CREATE TABLE client (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  email email UNIQUE,
  tags text[] NOT NULL DEFAULT '{}',
  facts jsonb,
  extra hstore,
  photo bytea,
  name_length integer GENERATED ALWAYS AS (length(name)) STORED
);
COMMENT ON COLUMN client.facts IS 'free form; "quotes", \backslashes and čšž';

-- The table that SAMPLE_PG_ROWS is about, and the consistency witness: the sum of balances never changes.
CREATE TABLE account (
  id bigint PRIMARY KEY,
  client bigint NOT NULL REFERENCES client ON DELETE RESTRICT,
  iban text NOT NULL,
  balance_cents bigint NOT NULL DEFAULT 100000,
  unit currency NOT NULL,
  note text,
  changed_at timestamptz NOT NULL DEFAULT '2026-02-02 12:00:00+00'
);

CREATE SEQUENCE transfer_number START 1000 INCREMENT 5 CACHE 10;
CREATE TABLE transfer (
  id bigint NOT NULL DEFAULT nextval('transfer_number'),
  at timestamptz NOT NULL DEFAULT now(),
  from_account bigint NOT NULL,
  to_account bigint NOT NULL,
  cents bigint NOT NULL,
  PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE transfer_past PARTITION OF transfer FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE transfer_recent PARTITION OF transfer FOR VALUES FROM ('2026-01-01') TO ('2030-01-01');
CREATE TABLE transfer_other PARTITION OF transfer DEFAULT;
ALTER SEQUENCE transfer_number OWNED BY transfer.id;

CREATE TABLE "order" (
  id uuid PRIMARY KEY,
  client bigint NOT NULL REFERENCES client,
  during tstzrange NOT NULL,
  quantity positive,
  amount numeric(20, 6),
  origin inet,
  place point,
  CONSTRAINT one_at_a_time EXCLUDE USING gist (client WITH =, during WITH &&)
);
-- Two tables that refer to each other: neither can be filled first with the keys in place.
CREATE TABLE team (id integer PRIMARY KEY, lead integer, title text);
CREATE TABLE member (id integer PRIMARY KEY, team integer REFERENCES team DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE team ADD FOREIGN KEY (lead) REFERENCES member DEFERRABLE INITIALLY DEFERRED;

CREATE UNLOGGED TABLE scratch (id integer, note text);
CREATE TABLE "Čudna ""tablica""; -- ime" ("stupac s razmakom" integer PRIMARY KEY, "日本" text);
CREATE TABLE nothing (id integer PRIMARY KEY);
RESET ROLE;
