create table passkeys (
    key        {key},
    id         {text} not null unique,
    user_key   {int}  not null,
    name       {text} not null,
    credential {blob} not null unique,
    record     {blob} not null, -- sealed
    count      {int}  not null, -- signatures, as the device counts them
    created    {int}  not null,
    used       {int}  not null
){rows};
create index passkeys_user on passkeys (user_key);

-- Challenges that were signed. A signature of one is not accepted again while it could be.
create table used_challenges (
    hash    {blob} not null primary key,
    expires {int}  not null
){rows};
