alter table attempts add column method {text} not null default 'POST';
