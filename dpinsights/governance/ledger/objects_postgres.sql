-- What the catalog says about the ledger's schema, one text for each table, column, constraint, index, trigger, function
-- and rule: its digest tells whether somebody changed them. NOT NULL is told by the columns, because only PostgreSQL 18
-- keeps it as a constraint. Comments, owners and grants are the administrator's.
WITH mine AS (SELECT oid FROM pg_namespace WHERE nspname = 'dpinsights_ledger'),
relations AS (SELECT c.* FROM pg_class c JOIN mine ON c.relnamespace = mine.oid)
SELECT described COLLATE "C" FROM (
    SELECT concat_ws(' ', 'relation', relname, relkind, relpersistence, relrowsecurity, relispartition, relhassubclass)
    FROM relations
    UNION ALL
    SELECT concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                     coalesce(l.collname, '-'), a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
    FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT concat_ws(' ', 'constraint', c.relname, o.conname, o.convalidated, pg_get_constraintdef(o.oid))
    FROM relations c JOIN pg_constraint o ON o.conrelid = c.oid WHERE o.contype <> 'n'
    UNION ALL
    SELECT concat_ws(' ', 'index', i.indisvalid, pg_get_indexdef(i.indexrelid))
    FROM relations c JOIN pg_index i ON i.indrelid = c.oid
    UNION ALL
    SELECT concat_ws(' ', 'trigger', t.tgenabled, CASE WHEN t.tgisinternal THEN c.relname || ' internal' ELSE pg_get_triggerdef(t.oid) END)
    FROM relations c JOIN pg_trigger t ON t.tgrelid = c.oid
    UNION ALL
    SELECT concat_ws(' ', 'function', p.proname, p.prosrc) FROM pg_proc p JOIN mine ON p.pronamespace = mine.oid
    UNION ALL
    SELECT concat_ws(' ', 'rule', c.relname, r.rulename) FROM relations c JOIN pg_rewrite r ON r.ev_class = c.oid
) AS objects (described) ORDER BY 1;
