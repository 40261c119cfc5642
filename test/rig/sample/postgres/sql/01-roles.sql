-- Roles of every kind. The login roles share the password of the secret file.
\set password `cat "${POSTGRES_PASSWORD_FILE:-/run/postgres-secret/password}"`
CREATE ROLE erlmcp_owner NOLOGIN;
CREATE ROLE erlmcp_read NOLOGIN;
CREATE ROLE erlmcp_app LOGIN PASSWORD :'password' CONNECTION LIMIT 50;
CREATE ROLE erlmcp_report LOGIN PASSWORD :'password' NOINHERIT VALID UNTIL '2099-12-31 23:59:59+00';
CREATE ROLE erlmcp_admin LOGIN CREATEDB CREATEROLE;
CREATE ROLE "Zoë O'Brien" LOGIN;
GRANT erlmcp_read TO erlmcp_app;
GRANT erlmcp_read TO erlmcp_report WITH INHERIT FALSE, SET TRUE;
GRANT erlmcp_owner TO erlmcp_admin WITH ADMIN OPTION;
ALTER ROLE erlmcp_report SET statement_timeout = '30s';
COMMENT ON ROLE erlmcp_app IS 'what the application connects as; čšž';
