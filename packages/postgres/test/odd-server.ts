import type { TestServer } from "./server.ts";

/** A database whose name has to be quoted everywhere, and one that fills PostgreSQL's limit of 63 bytes. */
export const oddName = `o'dd "näme" = %1 $x \\z`;
export const longName = `${"long-".repeat(12)}ABC`;

const roles = `CREATE ROLE "o'dd ""rôle" LOGIN PASSWORD 'it''s \\secret' VALID UNTIL '2040-01-01 00:00:00+00';
CREATE ROLE team NOLOGIN; COMMENT ON ROLE team IS 'all; of "them" -- '' here';
GRANT team TO "o'dd ""rôle" WITH ADMIN OPTION;
GRANT pg_read_all_data TO team;
ALTER ROLE "o'dd ""rôle" SET work_mem = '9MB';
ALTER ROLE "o'dd ""rôle" SET search_path = shop, "b c";
GRANT SET ON PARAMETER log_min_messages TO team;
CREATE ROLE reader LOGIN CONNECTION LIMIT 3;`;

const database = (quoted: string): string => `CREATE DATABASE ${quoted} OWNER "o'dd ""rôle" CONNECTION LIMIT 17;
COMMENT ON DATABASE ${quoted} IS 'said; "so" -- it''s';
ALTER DATABASE ${quoted} SET work_mem = '7MB';
ALTER DATABASE ${quoted} SET search_path = shop, "b c", public;
ALTER ROLE team IN DATABASE ${quoted} SET lock_timeout = '3s';
REVOKE CONNECT ON DATABASE ${quoted} FROM PUBLIC;
GRANT CONNECT ON DATABASE ${quoted} TO team WITH GRANT OPTION;
GRANT CREATE ON DATABASE ${quoted} TO reader;`;

const contents = `CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm SCHEMA pg_catalog;
CREATE SCHEMA shop AUTHORIZATION team; CREATE SCHEMA "b c";
CREATE TYPE shop.mood AS ENUM ('sad', 'o''k');
CREATE DOMAIN shop.positive AS int CHECK (VALUE > 0);
CREATE TABLE shop.account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
  mood shop.mood, size shop.positive DEFAULT 3, tags hstore, doubled int GENERATED ALWAYS AS (size * 2) STORED);
CREATE TABLE shop.item (id serial PRIMARY KEY, account bigint NOT NULL REFERENCES shop.account DEFERRABLE INITIALLY DEFERRED,
  body bytea, at timestamptz DEFAULT '2026-01-02 03:04:05+06', price numeric(12,4), "Weird ""col" text);
CREATE TABLE "b c"."t ""x.y" (a int, b float8, c text[]);
CREATE TABLE shop.log (at date NOT NULL, line text) PARTITION BY RANGE (at);
CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE shop.log_2 PARTITION OF shop.log FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
CREATE UNLOGGED TABLE shop.scratch AS SELECT i FROM generate_series(1, 50) i;
CREATE INDEX ON shop.item USING gin ("Weird ""col" gin_trgm_ops);
CREATE INDEX ON shop.account ((lower(name))) WHERE size > 1;
INSERT INTO shop.account (name, mood, size, tags) SELECT 'nàme ' || i, CASE WHEN i % 2 = 0 THEN 'o''k' END::shop.mood,
  i, hstore('k', i::text) FROM generate_series(1, 400) i;
INSERT INTO shop.item (account, body, price, "Weird ""col") SELECT 1 + i % 400, decode(md5(i::text), 'hex'), i / 7.0,
  E'tab\\t back\\\\ line\\n ' || i FROM generate_series(1, 3000) i;
INSERT INTO "b c"."t ""x.y" VALUES (1, 'NaN', '{a,NULL,"c d"}'), (NULL, 1e-300, NULL);
INSERT INTO shop.log SELECT '2026-01-01'::date + i, 'line ' || i FROM generate_series(0, 300) i;
SELECT setval('shop.item_id_seq', 5000);
CREATE SEQUENCE "b c".counter INCREMENT 7 START 3 CYCLE MAXVALUE 100; SELECT nextval('"b c".counter');
CREATE VIEW shop.rich AS SELECT a.name, count(*) AS items FROM shop.account a JOIN shop.item i ON i.account = a.id GROUP BY 1;
CREATE MATERIALIZED VIEW shop.sums AS SELECT account, sum(price) AS total FROM shop.item GROUP BY 1;
CREATE FUNCTION shop.noted() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
  RAISE EXCEPTION 'trigger ran'; END $f$;
CREATE TRIGGER never BEFORE DELETE ON shop.item FOR EACH ROW EXECUTE FUNCTION shop.noted();
CREATE TRIGGER asleep BEFORE INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION shop.noted();
ALTER TABLE shop.item DISABLE TRIGGER asleep;
CREATE TRIGGER always BEFORE UPDATE ON shop.item FOR EACH ROW EXECUTE FUNCTION shop.noted();
ALTER TABLE shop.item ENABLE ALWAYS TRIGGER always;
ALTER TABLE shop.account OWNER TO team; GRANT SELECT (name), UPDATE (mood) ON shop.account TO reader;
ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON shop.item TO reader USING (account = 1);
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO reader;
COMMENT ON TABLE shop.item IS 'back\\slash';
SELECT lo_from_bytea(70001, '\\x00ff10'::bytea), lo_from_bytea(0, 'second'::bytea);
COMMENT ON LARGE OBJECT 70001 IS 'large'; GRANT SELECT ON LARGE OBJECT 70001 TO reader;
CREATE PUBLICATION news FOR TABLE shop.account;
CREATE STATISTICS shop.together ON account, price FROM shop.item;`;

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Fills a server with what a restore can get wrong: names, owners, privileges, settings, kinds of objects. */
export async function fillOddly(server: TestServer): Promise<void> {
  await server.sql("postgres", roles);
  for (const name of ["app", oddName, longName]) {
    await server.sql("postgres", database(quoted(name)));
    await server.sql(name, contents);
  }
  await server.sql("postgres", "CREATE TABLE notes AS SELECT 1 AS n; ALTER DATABASE postgres SET work_mem = '5MB';");
  await server.sql("template1", "CREATE TABLE from_template (n int); COMMENT ON DATABASE template1 IS 'ours';");
  await server.sql(
    "postgres",
    "CREATE DATABASE sieve IS_TEMPLATE true TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';",
  );
  await server.sql("sieve", "CREATE TABLE t AS SELECT 'ü' AS x;");
}

/** The whole server as pg_dumpall writes it, without the random key that is in each script. */
export function wholeServer(server: TestServer): Promise<string> {
  const script = "pg_dumpall --username=postgres | grep -v '^.\\(un\\)\\?restrict '";
  return server.run(["bash", "-c", `set -o pipefail; ${script}`]);
}
