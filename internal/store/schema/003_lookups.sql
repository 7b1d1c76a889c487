-- Names own projects and are compared without case; an account at a provider signs one user in.
create unique index users_lower on users (lower(name));
drop index users_subject;
create unique index users_subject on users (subject) where subject <> '';

-- What failed is looked for among what was skipped, and the other way round.
drop index deliveries_ended;
create index deliveries_ended on deliveries (project_key, state, event_seq) where state not in ('pending', 'delivered');
