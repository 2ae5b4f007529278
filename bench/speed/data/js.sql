-- Documents of some 330 bytes: objects in objects, a list, numbers that are not those of a double, and a null.
create unlogged table js (id bigint not null, at timestamptz not null, name text not null, body jsonb not null);
insert into js select
  i, timestamptz '2024-01-01 00:00:00+00' + i * interval '1 second', 'event-' || speed.pick(i, :seed, 1, 1000),
  jsonb_build_object(
    'user', jsonb_build_object('id', speed.pick(i, :seed, 2, 1000000), 'name', speed.prose(i, :seed, 3, 12, 24),
      'mail', speed.letters(i, :seed, 4) || '@example.com'),
    'amount', (speed.pick(i, :seed, 5, 100000000) / 100.0)::numeric(15,2),
    'exact', (speed.pick(i, :seed, 6, 1000000000)::numeric * 1000000007 + i),
    'tags', jsonb_build_array(substr(speed.letters(i, :seed, 7), 1, 5),
      substr(speed.letters(i, :seed, 8), 1, 7), i % 7),
    'note', case when speed.pick(i, :seed, 9, 5) > 0 then speed.prose(i, :seed, 10, 80, 150) end,
    'ok', speed.pick(i, :seed, 11, 2) = 0)
from generate_series(1::bigint, :rows) i;
