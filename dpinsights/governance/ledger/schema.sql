-- The ledger's stored format, version 3. It is prose for whoever has to read a ledger without this package.
--
-- The truth is the table `entries`: a chain of acts in the order of `seq`. Every other table but `vectors` and
-- `discovered` can be computed from it (governance/books.py does, and `check` compares). A kind of entry is never
-- redefined: what changes gets a new name. The version is in PRAGMA user_version, and PRAGMA application_id is 0x4450494c ("DPIL").
--
-- Units: rho in 1e-12, delta in 1e-18, whole numbers of at most 2**62. Digests and hashes are lowercase hexadecimal.
-- A *fresh draw* is charged to the account it is for and to the account named lifetime; an existing vector shown to
-- another account is charged to that account alone.
--
-- Versions:
--   1  the first.
--   2  the table `discovered`.
--   3  the policy's digest; periods of accounts; locks and approvals of runs; specifications of draws; signatures of
--      amendments. Before 1.0 a ledger of another version is refused, never carried over, so that kinds of entries could
--      gain fields.

-- The one row that says whose ledger this is. `last_at` is the instant of the last act, for the clock check alone: the
-- entries carry days, because instants of consecutive acts would tell how long a private computation took. If a wrong
-- clock once set it to the future, an operator may set it back by hand: no entry depends on it. Since none does, it carries
-- a mark against damage, as leases do: behind a blank, the first 8 digits of the SHA-256 of what stands before (printf %s
-- TEXT | sha256sum).
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    partnership TEXT NOT NULL,
    policy TEXT NOT NULL,
    policy_digest TEXT NOT NULL,     -- of the policy that it was opened from
    conversion_delta TEXT NOT NULL,  -- a decimal
    discovery_delta TEXT NOT NULL,
    last_at TEXT NOT NULL            -- ISO 8601, UTC; marked
) STRICT;

-- The chain. `body` is canonical JSON (RFC 8785, numbers as decimal texts), and the hash covers exactly its bytes:
-- sha256("dpinsights/ledger-entry/v1" LF seq LF type LF prev LF body). The first `prev` is 64 zeros.
-- Kinds: opened, snapshot, charged, resumed, drawing, measured, released, abandoned, amended, period-set, frozen, resolved.
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY CHECK (seq >= 1),
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    prev TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE
) STRICT;

CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END;

CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END;

-- Budgets. The first is named lifetime. `frozen` is the code of the reason, or null. `period` is what may be spent in each
-- calendar month, quarter or year of the days of charges, beside the cap for ever, and what of it is kept for promised
-- reports: a JSON object as in the entry, or null. A charge fits if what the account was charged in the period, the
-- charge and the unspent reserves of other reports are not more than the period's cap.
CREATE TABLE accounts (
    position INTEGER PRIMARY KEY,
    account TEXT NOT NULL UNIQUE,
    cap_rho INTEGER NOT NULL CHECK (cap_rho BETWEEN 0 AND 4611686018427387904),
    cap_delta INTEGER NOT NULL CHECK (cap_delta BETWEEN 0 AND 4611686018427387904),
    cap_epsilon TEXT NOT NULL,       -- as the policy or the amendment words the cap in rho
    spent_rho INTEGER NOT NULL CHECK (spent_rho >= 0 AND spent_rho <= cap_rho),
    spent_delta INTEGER NOT NULL CHECK (spent_delta >= 0 AND spent_delta <= cap_delta),
    frozen TEXT,
    period TEXT
) STRICT;

-- Named states of the data. A name means one contract and one account map for ever.
CREATE TABLE snapshots (
    position INTEGER PRIMARY KEY,
    snapshot TEXT NOT NULL UNIQUE,
    contract_digest TEXT NOT NULL,
    map_version TEXT NOT NULL
) STRICT;

-- One report's way: charged, drawing, measured, released or abandoned. Only the process that holds the latest `fence`
-- moves a run; `owner` and `lease_until` say who that is and until when nobody else may take it. `lock` and `approval`
-- are the digests of what a run for a party was permitted by, or null; runs that are not abandoned count against it.
CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    report TEXT NOT NULL,
    day TEXT NOT NULL,               -- of the charge
    account TEXT NOT NULL REFERENCES accounts (account),
    snapshot TEXT NOT NULL REFERENCES snapshots (snapshot),
    measurement_digest TEXT NOT NULL,
    lock TEXT,
    approval TEXT,
    origin TEXT NOT NULL CHECK (origin IN ('real', 'synthetic')),
    exploration INTEGER NOT NULL CHECK (exploration IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('charged', 'drawing', 'measured', 'released', 'abandoned')),
    fence INTEGER NOT NULL CHECK (fence >= 1),
    owner TEXT NOT NULL,             -- marked
    lease_until TEXT NOT NULL,       -- marked
    CHECK ((lock IS NULL) = (approval IS NULL))
) STRICT;

CREATE UNIQUE INDEX runs_unfinished_once ON runs (identity) WHERE state IN ('charged', 'drawing', 'measured');

-- What was decided about each of a run's measurements, when it was charged: free, shown or fresh, and what that cost.
-- `specification` is what OpenDP's map needs to state the loss of a fresh draw again, its scale too: a JSON
-- object as in the entry.
CREATE TABLE items (
    run TEXT NOT NULL REFERENCES runs (run),
    key TEXT NOT NULL,
    cells INTEGER NOT NULL CHECK (cells >= 0),
    specification TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('free', 'shown', 'fresh')),
    account_rho INTEGER NOT NULL CHECK (account_rho BETWEEN 0 AND 4611686018427387904),
    account_delta INTEGER NOT NULL CHECK (account_delta BETWEEN 0 AND 4611686018427387904),
    lifetime_rho INTEGER NOT NULL CHECK (lifetime_rho BETWEEN 0 AND 4611686018427387904),
    lifetime_delta INTEGER NOT NULL CHECK (lifetime_delta BETWEEN 0 AND 4611686018427387904),
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

-- Noisy vectors, named by the run that drew them and their measurement's key. `noisy` holds 64-bit signed integers,
-- little-endian, in the order of the measurement's cells; `digest` is their SHA-256, against damage (it is here and not
-- in the chain, because whoever may read the chain may not have seen the vector).
CREATE TABLE vectors (
    run TEXT NOT NULL REFERENCES runs (run),
    key TEXT NOT NULL,
    snapshot TEXT NOT NULL REFERENCES snapshots (snapshot),
    scale REAL NOT NULL CHECK (scale > 0),
    rho INTEGER NOT NULL CHECK (rho BETWEEN 0 AND 4611686018427387904),
    delta INTEGER NOT NULL CHECK (delta BETWEEN 0 AND 4611686018427387904),
    exploration INTEGER NOT NULL CHECK (exploration IN (0, 1)),
    noisy BLOB NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (run, key),
    FOREIGN KEY (run, key) REFERENCES items (run, key)
) STRICT;

-- The keys of those vectors that count keys which were not known beforehand, released because their noisy counts lie
-- above `threshold`. `keys` is a JSON list of [group's code, text], in the order of the vector's integers; such a vector's
-- item says 0 cells. `digest` is the SHA-256 of threshold LF keys.
CREATE TABLE discovered (
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    threshold INTEGER NOT NULL CHECK (threshold >= 0),
    keys TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (run, key),
    FOREIGN KEY (run, key) REFERENCES vectors (run, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX vectors_by_measurement ON vectors (snapshot, key);

-- Which vectors an account has paid for.
CREATE TABLE seen (
    account TEXT NOT NULL REFERENCES accounts (account),
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (account, run, key),
    FOREIGN KEY (run, key) REFERENCES vectors (run, key)
) STRICT, WITHOUT ROWID;

-- Which vectors (`drawn_by`, key) a run's numbers are estimated from.
CREATE TABLE uses (
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    drawn_by TEXT NOT NULL,
    PRIMARY KEY (run, key, drawn_by),
    FOREIGN KEY (run, key) REFERENCES items (run, key),
    FOREIGN KEY (drawn_by, key) REFERENCES vectors (run, key)
) STRICT, WITHOUT ROWID;
