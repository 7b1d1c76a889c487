-- The node that sends to a limited hook; 0, or one that is gone: the next that claims.
alter table hooks add column node {int} not null default 0;
