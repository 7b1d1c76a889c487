-- Rows of counts of a period have the figures of a project's hooks, too. A node of an earlier version would drop them, so
-- it must not fold any more: the row that it would lock has another name now.
update counters set name = 'count_fold_hooks' where name = 'count_fold_all';

create index projects_deleted on projects (key) where deleted <> 0;
