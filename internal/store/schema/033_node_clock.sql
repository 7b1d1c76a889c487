alter table nodes add column version {text} not null default '';
alter table nodes add column clock {int} not null default 0; -- µs by which it is ahead of the database
