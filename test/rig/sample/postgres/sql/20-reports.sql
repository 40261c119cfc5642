CREATE TABLE report (id integer PRIMARY KEY, title text COLLATE "hr-x-icu", body xml);
INSERT INTO report
SELECT i, (ARRAY['čaša', 'ćup', 'car', 'šuma', 'žaba'])[1 + i % 5] || i, xmlparse(CONTENT '<p>' || i || '</p>')
FROM generate_series(1, 100) AS i;
CREATE INDEX report_title ON report (title);
