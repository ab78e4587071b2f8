-- What people are told of what came in and could not be read is about no case. The table is made anew:
-- SQLite can't take NOT NULL from a column.
CREATE TABLE messages_anew (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT REFERENCES cases (id),
    run TEXT REFERENCES runs (id),
    channel TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- How often it was sent and did not arrive.
    attempts BIGINT NOT NULL,
    -- When it is sent next. Whoever sends it moves this forward first, so that no other one does.
    due_at BIGINT NOT NULL
);
INSERT INTO messages_anew (id, case_id, run, channel, text, created_at, attempts, due_at)
SELECT id, case_id, run, channel, text, created_at, attempts, due_at FROM messages;
DROP TABLE messages;
ALTER TABLE messages_anew RENAME TO messages;
CREATE INDEX messages_due ON messages (due_at);
-- What runs say is sent before all else.
CREATE INDEX messages_of_runs ON messages (due_at) WHERE run IS NOT NULL;

-- One row: when people were last told of what could not be read, or are to be told next (null: never), and
-- of how much of it.
CREATE TABLE unreadable (
    told_at BIGINT,
    since BIGINT NOT NULL
);
INSERT INTO unreadable (told_at, since) VALUES (NULL, 0);
