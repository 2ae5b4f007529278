-- What every data set is made of: numbers that follow from a row's number, the seed and a `part` that tells the columns
-- of one row apart. hashint8extended gives the same on every machine of one byte order, and has since PostgreSQL 11;
-- random() gives another each time. Plain expressions, so that the planner puts them in place of the call.
create schema if not exists speed;

-- From 0 to below `below`.
create or replace function speed.pick(row_number bigint, seed bigint, part int, below bigint) returns bigint
  language sql immutable parallel safe
  return (hashint8extended(row_number, seed * 1000 + part) & 9223372036854775807) % below;

-- 16 letters from a to p.
create or replace function speed.letters(row_number bigint, seed bigint, part int) returns text
  language sql immutable parallel safe
  return translate(lpad(to_hex(hashint8extended(row_number, seed * 1000 + part)), 16, '0'),
    '0123456789abcdef', 'abcdefghijklmnop');

-- A piece of prose, also with letters of two and three bytes; it may begin or end with a blank.
create or replace function speed.prose(row_number bigint, seed bigint, part int, low int, high int) returns text
  language sql immutable parallel safe
  return substr('carefully final deposits sleep above the furious theodolites; über die naïven requests haggle '
    'blithely, even packages cajole along the ironic foxes 東京 until the quick accounts nag slyly after pending ideas. '
    'Silent pinto beans wake — never boldly — among express platelets, bold asymptotes and regular instructions détente',
    1 + speed.pick(row_number, seed, part, 250)::int,
    low + speed.pick(row_number, seed, part + 500, high - low + 1)::int);
