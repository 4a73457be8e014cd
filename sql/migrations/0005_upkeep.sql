-- Keeps room beside the rows that change most, and statistics fresh where much arrives; decisions say what was asked for.

-- Each batch of comments updates the rows of its pages, one of them again and again when an article is read by many.
-- Half of a block stays free, so that new versions stand beside the old ones, which the next reader clears away:
-- no index learns of them (heap-only tuples), and vacuum has little to do.
alter table pages set (
    fillfactor = 50,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.1,
    autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.05
);

-- Comments arrive, and few change. By default a table of ten million is vacuumed after two million more: until then
-- every count of a page reads its comments instead of the index, and the work comes all at once. A change of status
-- moves in three indexes, so free room would not keep it off them: blocks are filled.
alter table comments set (
    autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.02
);

-- These only grow, and shrink when comments are deleted; they are read by key. The threshold of a thousand, here and
-- above, keeps statistics from being taken of a table that is all but empty: the plans made by them read it whole, and
-- are kept by every connection while it grows.
alter table findings set (
    autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.05
);
alter table decisions set (
    autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.05
);

-- What a moderator asked for: only so can the same request, sent twice, be told from another one.
alter table decisions add column action text;
alter table decisions add constraint decisions_action_check
check (action in ('approve', 'reject', 'remove', 'restore')) not valid;
