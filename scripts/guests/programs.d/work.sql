-- Work for sqlite: inserts in a transaction, an index, joins, groups, an update.
CREATE TABLE number (id INTEGER PRIMARY KEY, value INTEGER, word TEXT);
BEGIN;
WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 20000)
INSERT INTO number SELECT n, n * 7919 % 10007, 'word' || (n % 1000) FROM count;
COMMIT;
CREATE INDEX by_word ON number (word);
SELECT count(*), sum(value) FROM number WHERE word BETWEEN 'word2' AND 'word5';
SELECT word, count(*), avg(value) FROM number GROUP BY word ORDER BY 3 DESC LIMIT 5;
SELECT count(*) FROM number AS a JOIN number AS b ON a.word = b.word WHERE a.id < 1000;
UPDATE number SET value = value + 1 WHERE id % 3 = 0;
SELECT sum(value) FROM number;
