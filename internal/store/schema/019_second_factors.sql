-- Authenticator apps, and the recovery codes that stand in for every second factor.
create table totp (
    user_key {int}  not null primary key,
    secret   {blob} not null, -- sealed
    step     {int}  not null, -- of the last code that was used
    created  {int}  not null
){rows};

create table recovery_codes (
    user_key {int}  not null,
    hash     {blob} not null,
    primary key (user_key, hash)
){rows};

alter table sessions add column means {text} not null default ''; -- how the user proved who they are; '': password
