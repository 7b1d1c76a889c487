-- How often an event came again after the first time, and when it did last.
alter table seen add column times {int} not null default 0;
alter table seen add column last  {int} not null default 0;

create index seen_again on seen (event_id) where times > 0;
