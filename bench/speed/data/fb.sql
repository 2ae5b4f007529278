-- Wide text, the shape that vendors of copying tools measure with: five texts of 32 letters, four doubles, three dates.
create unlogged table fb (id bigint not null, c_int int not null, t1 text not null, t2 text not null, t3 text not null,
  t4 text not null, t5 text not null, f1 float8 not null, f2 float8 not null, f3 float8 not null, f4 float8 not null,
  d1 date not null, d2 date not null, d3 date not null, at timestamptz not null, ok boolean not null);
insert into fb select
  i, speed.pick(i, :seed, 1, 2000000000),
  speed.letters(i, :seed, 11) || speed.letters(i, :seed, 12),
  speed.letters(i, :seed, 13) || speed.letters(i, :seed, 14),
  speed.letters(i, :seed, 15) || speed.letters(i, :seed, 16),
  speed.letters(i, :seed, 17) || speed.letters(i, :seed, 18),
  speed.letters(i, :seed, 19) || speed.letters(i, :seed, 20),
  speed.pick(i, :seed, 2, 1000000007) / 7.0::float8, speed.pick(i, :seed, 3, 1000000007) / 1e6::float8,
  -speed.pick(i, :seed, 4, 1000000007) / 3.0::float8, speed.pick(i, :seed, 5, 1000),
  date '2000-01-01' + speed.pick(i, :seed, 6, 9000)::int, date '1950-01-01' + speed.pick(i, :seed, 7, 18000)::int,
  date '2020-01-01' + speed.pick(i, :seed, 8, 2000)::int,
  timestamptz '2020-01-01 00:00:00+00' + speed.pick(i, :seed, 9, 150000000000000) * interval '1 microsecond',
  speed.pick(i, :seed, 10, 2) = 0
from generate_series(1::bigint, :rows) i;
