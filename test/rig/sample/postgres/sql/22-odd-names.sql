CREATE SCHEMA "schéma avec espace";
CREATE TABLE "schéma avec espace"."naïve'; DROP TABLE x" ("column ""quoted""" text);
INSERT INTO "schéma avec espace"."naïve'; DROP TABLE x" VALUES ('čšž'), (E'line\nbreak'), ('\N'), (NULL);
