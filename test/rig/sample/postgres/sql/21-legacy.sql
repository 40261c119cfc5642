SET client_encoding = 'UTF8';
CREATE TABLE person (id integer PRIMARY KEY, name varchar(40));
INSERT INTO person VALUES (1, 'Müller'), (2, 'García'), (3, 'Ørsted'), (4, 'Besançon');
