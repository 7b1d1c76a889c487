-- A node that has a session of its own holds a lock there: the lock is released as soon as the process ends.
alter table nodes add column session {int} not null default 0; -- 1: it has been seen to hold the lock
