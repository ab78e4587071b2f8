-- When each word was said: what people decided binds for a day from then, too, however old the finding is
-- that it was about. Null: said before this was written.
ALTER TABLE words ADD COLUMN said_at BIGINT;

-- To which question of the run it was said. Null: to none, or before this was written.
ALTER TABLE words ADD COLUMN step TEXT;

-- What each question of a run asks to have changed, as far as it was known when it was asked: whoever
-- says no to a plan says it of everything that the plan names.
CREATE TABLE asked (
    resource TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES runs (id),
    step TEXT NOT NULL,
    PRIMARY KEY (resource, run, step)
);
CREATE INDEX asked_run ON asked (run, step);
