-- Two columns were listed twice. A change of the key that is further goes on from the attempts.
update key_rotation set part = 5, place = '[]' where part > 5 and ended = 0;
