"""
The tables, as one migration a version. A migration that has landed is never edited: changes are a new one.
"""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT;

    CREATE TABLE roots (
        root_id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        -- of the folder itself when it was last online
        device INTEGER,
        inode INTEGER
    ) STRICT;

    -- path is relative to the root, so that a root can move; all paths are bytes (R9)
    CREATE TABLE photos (
        photo_id INTEGER PRIMARY KEY AUTOINCREMENT,
        root_id INTEGER NOT NULL REFERENCES roots,
        path BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        device INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed', 'missing')),
        reason TEXT NOT NULL DEFAULT '',
        -- when to try a failed photo again, seconds since 1970; NULL: not before its file changes
        retry_at REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        content_hash BLOB,
        -- which models its faces were found and embedded with
        model_id TEXT,
        width INTEGER,
        height INTEGER,
        date_value TEXT,
        date_precision TEXT,
        date_source TEXT,
        date_confidence REAL,
        date_zone TEXT,
        date_problem TEXT,
        -- when a scan first missed the file, seconds since 1970, and how many complete scans did
        absent_since REAL,
        absent_scans INTEGER NOT NULL DEFAULT 0,
        UNIQUE (root_id, path)
    ) STRICT;
    CREATE INDEX photos_by_inode ON photos (inode, device);
    CREATE INDEX photos_by_hash ON photos (content_hash) WHERE content_hash IS NOT NULL;
    CREATE INDEX photos_by_state ON photos (state);
    CREATE INDEX photos_absent ON photos (root_id) WHERE absent_since IS NOT NULL;

    CREATE TABLE people (
        person_id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL DEFAULT '',
        merged_into INTEGER REFERENCES people,
        -- the user does not want to see them
        hidden INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE faces (
        face_id INTEGER PRIMARY KEY AUTOINCREMENT,
        photo_id INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,
        x REAL NOT NULL,
        y REAL NOT NULL,
        w REAL NOT NULL,
        h REAL NOT NULL,
        landmarks BLOB NOT NULL,
        score REAL NOT NULL,
        quality REAL NOT NULL,
        sharpness REAL NOT NULL,
        poor TEXT NOT NULL,
        person_id INTEGER REFERENCES people,
        similarity REAL,
        gap REAL,
        cluster_id INTEGER,
        -- the user does not want to see it: it is nobody's and never grouped
        ignored INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX faces_by_photo ON faces (photo_id);
    CREATE INDEX faces_by_person ON faces (person_id) WHERE person_id IS NOT NULL;

    -- apart from faces, because lists of faces are read often and these bytes seldom
    CREATE TABLE embeddings (
        face_id INTEGER PRIMARY KEY REFERENCES faces ON DELETE CASCADE,
        model_id TEXT NOT NULL,
        vector BLOB NOT NULL
    ) STRICT;

    CREATE TABLE medoids (
        person_id INTEGER NOT NULL REFERENCES people,
        face_id INTEGER NOT NULL REFERENCES faces ON DELETE CASCADE,
        PRIMARY KEY (person_id, face_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX medoids_by_face ON medoids (face_id);

    -- without rowid, the key's columns come first: else quick_check of SQLite 3.40 takes the others for NULL
    CREATE TABLE constraints (
        face_id INTEGER NOT NULL REFERENCES faces ON DELETE CASCADE,
        person_id INTEGER NOT NULL REFERENCES people,
        kind TEXT NOT NULL CHECK (kind IN ('must-be', 'cannot-be')),
        PRIMARY KEY (face_id, person_id)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX constraints_by_person ON constraints (person_id);

    -- the user's words in their order; before: the rows that each changed, as JSON
    CREATE TABLE journal (
        entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        title TEXT NOT NULL,
        before TEXT NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    -- the manifest of the people tree; person_id is NULL for a pool such as _unknown
    CREATE TABLE tree_folders (
        folder_id INTEGER PRIMARY KEY,
        person_id INTEGER UNIQUE REFERENCES people,
        name BLOB NOT NULL,
        -- being written: what is there and what is written here may differ for the moment
        busy INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX tree_folders_by_name ON tree_folders (name);
    CREATE TABLE tree_entries (
        folder_id INTEGER NOT NULL REFERENCES tree_folders ON DELETE CASCADE,
        name BLOB NOT NULL,
        photo_id INTEGER,
        content BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (folder_id, name)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- what was written about capture dates, and how to undo it; sidecar is empty where the photo itself was written
    CREATE TABLE date_writes (
        write_id INTEGER PRIMARY KEY AUTOINCREMENT,
        photo_id INTEGER NOT NULL,
        sidecar BLOB NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('planned', 'done', 'undoing', 'undone', 'refused')),
        created INTEGER NOT NULL,
        changes BLOB NOT NULL,
        old_hash BLOB NOT NULL,
        new_hash BLOB NOT NULL,
        old_mtime_ns INTEGER NOT NULL,
        value TEXT NOT NULL,
        precision TEXT NOT NULL,
        source TEXT NOT NULL,
        at REAL NOT NULL
    ) STRICT;
    CREATE INDEX date_writes_by_photo ON date_writes (photo_id);
    CREATE INDEX date_writes_by_state ON date_writes (state);
    """,
    """
    ALTER TABLE photos ADD COLUMN date_zone_source TEXT;
    -- what the sidecars beside the photo looked like when its date was last looked for; empty where there were none
    ALTER TABLE photos ADD COLUMN beside BLOB NOT NULL DEFAULT x'';
    """,
    """
    -- files of one photo, such as a RAW beside its JPEG: the photo that is shown instead of this one, which has no faces
    ALTER TABLE photos ADD COLUMN shown_as INTEGER REFERENCES photos ON DELETE SET NULL;
    CREATE INDEX photos_by_shown ON photos (shown_as) WHERE shown_as IS NOT NULL;
    CREATE INDEX photos_by_name ON photos (root_id, lower(CAST(path AS TEXT)));
    """,
    """
    -- folders inside folders of ours, each known by its owner (`core.tree.owners.owner_text`)
    CREATE TABLE new_tree_folders (
        folder_id INTEGER PRIMARY KEY,
        owner TEXT NOT NULL UNIQUE,
        name BLOB NOT NULL,
        -- being written: what is there and what is written here may differ for the moment
        busy INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO new_tree_folders
        SELECT folder_id, coalesce(CAST(person_id AS TEXT), '_unknown'), name, busy FROM tree_folders;
    CREATE TABLE new_tree_entries (
        folder_id INTEGER NOT NULL REFERENCES new_tree_folders ON DELETE CASCADE,
        name BLOB NOT NULL,
        photo_id INTEGER,
        content BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (folder_id, name)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO new_tree_entries SELECT folder_id, name, photo_id, content, signature FROM tree_entries;
    DROP TABLE tree_entries;
    DROP TABLE tree_folders;
    ALTER TABLE new_tree_folders RENAME TO tree_folders;
    ALTER TABLE new_tree_entries RENAME TO tree_entries;
    CREATE INDEX tree_folders_by_name ON tree_folders (name);
    """,
    """
    -- of a face of nobody: the person whose it may be, too close to call
    ALTER TABLE faces ADD COLUMN review_of INTEGER REFERENCES people;
    CREATE INDEX faces_by_review ON faces (review_of) WHERE review_of IS NOT NULL;

    -- two people who may be one, as the last reclustering found
    CREATE TABLE suggestions (
        one INTEGER NOT NULL REFERENCES people,
        other INTEGER NOT NULL REFERENCES people,
        strength REAL NOT NULL,
        PRIMARY KEY (one, other)
    ) STRICT;
    """,
    """
    -- the signature of a file that is about to be put in place; few entries are files
    ALTER TABLE tree_entries ADD COLUMN intended BLOB NOT NULL DEFAULT x'';
    CREATE INDEX photos_by_size ON photos (size);
    CREATE INDEX tree_files ON tree_entries (folder_id) WHERE signature != x'' OR intended != x'';
    """,
    """
    -- pictures whose decoding ended the process that did it, twice in a row; they are not decoded again by themselves
    CREATE TABLE quarantine (
        content_hash BLOB PRIMARY KEY,
        reason TEXT NOT NULL,
        at REAL NOT NULL
    ) STRICT;
    """,
    """
    -- faces whose part in the gallery of the known may have changed, for those who keep it in memory. The last ones
    -- only: who has missed more reads everything
    CREATE TABLE gallery_changes (
        change_id INTEGER PRIMARY KEY AUTOINCREMENT,
        face_id INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER gallery_medoid_added AFTER INSERT ON medoids BEGIN
        INSERT INTO gallery_changes (face_id) VALUES (NEW.face_id);
    END;
    CREATE TRIGGER gallery_medoid_removed AFTER DELETE ON medoids BEGIN
        INSERT INTO gallery_changes (face_id) VALUES (OLD.face_id);
    END;
    CREATE TRIGGER gallery_medoid_moved AFTER UPDATE ON medoids BEGIN
        INSERT INTO gallery_changes (face_id) VALUES (NEW.face_id);
    END;
    CREATE TRIGGER gallery_embedded AFTER INSERT ON embeddings
        WHEN EXISTS (SELECT 1 FROM medoids WHERE face_id = NEW.face_id) BEGIN
        INSERT INTO gallery_changes (face_id) VALUES (NEW.face_id);
    END;
    CREATE TRIGGER gallery_embedded_anew AFTER UPDATE ON embeddings
        WHEN EXISTS (SELECT 1 FROM medoids WHERE face_id = NEW.face_id) BEGIN
        INSERT INTO gallery_changes (face_id) VALUES (NEW.face_id);
    END;
    CREATE TRIGGER gallery_changes_kept AFTER INSERT ON gallery_changes BEGIN
        DELETE FROM gallery_changes WHERE change_id <= NEW.change_id - 2000;
    END;
    """,
    """
    -- the user made them of faces of their choice, which say who they are
    ALTER TABLE people ADD COLUMN founded INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- whether the folder was configured when the daemon last ran
    ALTER TABLE roots ADD COLUMN watched INTEGER NOT NULL DEFAULT 1;
    """,
    """
    -- links that came to folders or went from them, each of which may be half of a move, and what it came to in the journal
    CREATE TABLE half_moves (
        photo_id INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('came', 'went')),
        owner TEXT NOT NULL,
        -- seconds since 1970
        at REAL NOT NULL,
        entry_id INTEGER NOT NULL,
        founded INTEGER NOT NULL,
        PRIMARY KEY (photo_id, kind, owner)
    ) STRICT, WITHOUT ROWID;
    -- copies of links that say nothing by themselves, by the folder that they are in, and since when (seconds since 1970)
    CREATE TABLE waiting_links (
        folder BLOB NOT NULL,
        photo_id INTEGER NOT NULL,
        since REAL NOT NULL,
        PRIMARY KEY (folder, photo_id)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- names that the user gave to links, by the faces that a link is there for
    CREATE TABLE given_names (
        face_id INTEGER PRIMARY KEY REFERENCES faces ON DELETE CASCADE,
        name BLOB NOT NULL
    ) STRICT;
    """,
    """
    -- in each root's own order, so that the photos of a root that is away are not walked through
    CREATE INDEX photos_pending ON photos (root_id, photo_id) WHERE state = 'pending' AND absent_since IS NULL;
    """,
    """
    -- the rows as each word left them, as JSON; the word that it takes back; what it has in common with others that are one
    -- with it; how many photos it is about
    ALTER TABLE journal ADD COLUMN after TEXT;
    ALTER TABLE journal ADD COLUMN undoes INTEGER;
    ALTER TABLE journal ADD COLUMN kind TEXT NOT NULL DEFAULT '';
    ALTER TABLE journal ADD COLUMN photos INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- whether a later clock would find another date
    ALTER TABLE photos ADD COLUMN date_hangs INTEGER NOT NULL DEFAULT 0;
    -- 1: what its date hangs on has changed, so that it is to be looked for again
    ALTER TABLE photos ADD COLUMN date_due INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX photos_date_due ON photos (photo_id) WHERE date_due = 1;
    -- names and folders speak of dates, whoever moves the photo
    CREATE TRIGGER photos_moved AFTER UPDATE OF path ON photos WHEN NEW.path IS NOT OLD.path BEGIN
        UPDATE photos SET date_due = 1 WHERE photo_id = NEW.photo_id;
    END;
    """,
    """
    -- one process writes a state, and knows itself what it changes of the medoids that it has in memory
    DROP TRIGGER gallery_medoid_added;
    DROP TRIGGER gallery_medoid_removed;
    DROP TRIGGER gallery_medoid_moved;
    DROP TRIGGER gallery_embedded;
    DROP TRIGGER gallery_embedded_anew;
    DROP TRIGGER gallery_changes_kept;
    DROP TABLE gallery_changes;
    """,
    """
    -- what the user ordered by a command about the dates of many photos. It is carried out photo by photo, and may be broken off
    CREATE TABLE date_orders (
        order_id INTEGER PRIMARY KEY AUTOINCREMENT,
        words TEXT NOT NULL,
        -- seconds since 1970
        at REAL NOT NULL,
        ended INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX date_orders_open ON date_orders (words) WHERE ended = 0;
    ALTER TABLE date_writes ADD COLUMN order_id INTEGER REFERENCES date_orders;
    -- the date that the order found
    ALTER TABLE date_writes ADD COLUMN had_value TEXT;
    ALTER TABLE date_writes ADD COLUMN had_precision TEXT;
    """,
    """
    -- 1: another file of the same photo is written after this one, for the same order
    ALTER TABLE date_writes ADD COLUMN is_part INTEGER NOT NULL DEFAULT 0;
    """,
)
