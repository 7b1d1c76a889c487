-- Links by which users choose a password, one for each user. Before, the first administrator's was a token of that name.
create table links (
    user_key {int}  not null primary key,
    hash     {blob} not null unique,
    expires  {int}  not null
){rows};
delete from tokens where name = 'first start' and scope = 'publish'
    and user_key in (select key from users where admin and password = '' and subject = '');
