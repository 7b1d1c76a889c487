-- Attempts that a person or a program asked for, and not the schedule of the delivery.
alter table attempts add column manual {bool} not null default false;
