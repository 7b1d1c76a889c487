alter table audit add column unsent {int} not null default 0; -- 1: it is to become an event

create index audit_unsent on audit (key) where unsent = 1;
