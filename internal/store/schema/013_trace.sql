alter table events add column trace {text} not null default '';
