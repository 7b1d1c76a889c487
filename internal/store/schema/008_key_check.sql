-- A value sealed with the key of the secrets: with another key the server does not start.
create table key_check (
    name  {text} not null primary key, -- 'key'
    value {blob} not null
){rows};
