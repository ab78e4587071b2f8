-- When each word was said: what people decided binds for a day from then, too, however old the finding is
-- that it was about. Null: said before this was written.
ALTER TABLE words ADD COLUMN said_at BIGINT;
