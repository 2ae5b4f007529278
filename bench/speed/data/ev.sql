-- Narrow events: nothing but numbers, so that the cost of a row shows and not that of its text.
create unlogged table ev (id bigint not null, device int not null, at timestamptz not null, value float8 not null,
  kind int not null, ok boolean not null);
insert into ev select
  i, speed.pick(i, :seed, 1, 50000),
  timestamptz '2024-01-01 00:00:00+00' + (i * 250 + speed.pick(i, :seed, 2, 250)) * interval '1 millisecond',
  (speed.pick(i, :seed, 3, 2000000000) - 1000000000) / 997.0::float8,
  speed.pick(i, :seed, 4, 12), speed.pick(i, :seed, 5, 50) > 0
from generate_series(1::bigint, :rows) i;
