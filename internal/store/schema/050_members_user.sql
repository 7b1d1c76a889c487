create index members_user on members (user_key);
