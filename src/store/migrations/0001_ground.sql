-- Times are microseconds since 1970 in UTC; flags are 0 or 1; digests are 64 hex digits.
-- Only what SQLite and PostgreSQL both take. {blob} is the dialect's type for raw bytes.

CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    bytes {blob} NOT NULL
);

CREATE TABLE cases (
    id TEXT NOT NULL PRIMARY KEY,
    status TEXT NOT NULL,
    closed BIGINT NOT NULL,
    title TEXT NOT NULL,
    finding_type TEXT NOT NULL,
    severity BIGINT,
    account TEXT,
    region TEXT,
    resource TEXT,
    correlation TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    last_finding_at BIGINT NOT NULL,
    contained_at BIGINT,
    findings BIGINT NOT NULL
);
CREATE INDEX cases_newest ON cases (opened_at, id);
CREATE INDEX cases_correlation ON cases (correlation, last_finding_at);

CREATE TABLE heads (
    case_id TEXT NOT NULL PRIMARY KEY REFERENCES cases (id),
    length BIGINT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE entries (
    case_id TEXT NOT NULL REFERENCES cases (id),
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    run TEXT,
    step TEXT,
    bytes TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (case_id, seq)
);
-- What a run does in a step is recorded once, however often it is tried.
CREATE UNIQUE INDEX entries_once ON entries (run, step, kind) WHERE run IS NOT NULL AND step IS NOT NULL;

-- The newest version of each finding. Account and region are '' where the finding named none.
CREATE TABLE findings (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    finding TEXT NOT NULL,
    case_id TEXT NOT NULL REFERENCES cases (id),
    first_seq BIGINT NOT NULL,
    updated_at BIGINT,
    count BIGINT NOT NULL,
    archived BIGINT NOT NULL,
    content TEXT NOT NULL,
    document TEXT NOT NULL REFERENCES blobs (digest),
    seen BIGINT NOT NULL,
    PRIMARY KEY (account, region, finding)
);
CREATE INDEX findings_case ON findings (case_id, first_seq);

-- Every version of each finding that was ever received.
CREATE TABLE finding_versions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    finding TEXT NOT NULL,
    content TEXT NOT NULL,
    raw TEXT NOT NULL REFERENCES blobs (digest),
    document TEXT NOT NULL REFERENCES blobs (digest),
    source TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, finding, content)
);

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    kind TEXT NOT NULL,
    runbook TEXT NOT NULL,
    hash TEXT NOT NULL,
    host_api BIGINT NOT NULL,
    mode TEXT NOT NULL,
    state TEXT NOT NULL,
    params TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    target TEXT,
    requested_by TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    wake_at BIGINT,
    contained BIGINT NOT NULL,
    asks BIGINT NOT NULL,
    released BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    summary TEXT,
    lease_owner TEXT,
    lease_epoch BIGINT NOT NULL,
    lease_until BIGINT
);
CREATE INDEX runs_case ON runs (case_id, requested_at, id);
CREATE INDEX runs_open ON runs (requested_at, id) WHERE state IN ('queued', 'running', 'parked');
CREATE INDEX runs_open_target ON runs (target) WHERE state IN ('queued', 'running', 'parked');

CREATE TABLE approvals (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    run TEXT NOT NULL REFERENCES runs (id),
    step TEXT NOT NULL,
    question TEXT NOT NULL,
    hash TEXT NOT NULL,
    quorum BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    expires_at BIGINT,
    state TEXT NOT NULL,
    decisions TEXT NOT NULL
);
CREATE UNIQUE INDEX approvals_step ON approvals (run, step);
CREATE INDEX approvals_pending ON approvals (requested_at, id) WHERE state = 'pending';

CREATE TABLE holds (
    resource TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES runs (id),
    case_id TEXT NOT NULL REFERENCES cases (id),
    step TEXT NOT NULL,
    PRIMARY KEY (resource, run)
);

CREATE TABLE quarantine (
    raw TEXT NOT NULL PRIMARY KEY REFERENCES blobs (digest),
    reason TEXT NOT NULL,
    code TEXT NOT NULL,
    source TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    seen BIGINT NOT NULL
);
CREATE INDEX quarantine_newest ON quarantine (received_at, raw);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
