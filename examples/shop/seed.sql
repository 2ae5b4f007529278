-- Deterministic: the same rows every time, from arithmetic alone. 500 customers, 120 products, 5,000 orders.
begin;

insert into countries values
  ('AT', 'Austria', '2024-01-01 00:00:00+00'), ('BE', 'Belgium', '2024-01-01 00:00:00+00'),
  ('CH', 'Switzerland', '2024-01-01 00:00:00+00'), ('CI', 'Côte d''Ivoire', '2024-01-01 00:00:00+00'),
  ('DE', 'Germany', '2024-01-01 00:00:00+00'), ('DK', 'Denmark', '2024-01-01 00:00:00+00'),
  ('ES', 'Spain', '2024-01-01 00:00:00+00'), ('FR', 'France', '2024-01-01 00:00:00+00'),
  ('IT', 'Italy', '2024-01-01 00:00:00+00'), ('JP', '日本', '2024-01-01 00:00:00+00'),
  ('NL', 'Netherlands', '2024-01-01 00:00:00+00'), ('NO', 'Norway', '2024-01-01 00:00:00+00');

-- Five customers live in XX, which is no country.
insert into customers
select
  i,
  (array['Anna', 'Björn', 'Chloé', 'D''Arcy', 'Ebru', '健太', 'Zoë "Zo"'])[1 + i % 7] || ' ' || i,
  case when i % 11 = 0 then null when i % 13 = 0 then '' else 'customer' || i || '@example.org' end,
  case when i % 97 = 0 then 'XX' else (select code from countries order by code offset i * 7 % 12 limit 1) end,
  (array['private', 'business', 'school'])[1 + i % 3],
  i % 50 = 0,
  case when i % 9 = 0 then null else date '1930-01-01' + i * 53 end,
  timestamptz '2024-01-01 08:00:00+00' + i * interval '1 hour 0.000001 seconds'
from generate_series(1, 500) as i;

-- Prices up to the last digit that numeric(12, 2) holds.
insert into products
select
  i,
  md5('product ' || i)::uuid,
  case when i = 40 then E'Lamp, "Sun"\nwith a second line\tand a tab \\ backslash' else 'Product ' || i end,
  case i when 1 then 9999999999.99 when 2 then 0.01 when 3 then 0 else (i * 7919 % 100000)::numeric / 100 end,
  case when i % 10 = 0 then null else (i * 104729 % 50000)::numeric / 1000 end,
  case when i % 12 = 0 then null when i % 12 = 1 then '{}' else array['tag ' || i % 5, 'a,b', 'quo"te'] end,
  jsonb_build_object('colour', (array['red', 'green', 'blue'])[1 + i % 3], 'sizes', jsonb_build_array(i % 4, 1.50, null)),
  i % 30 = 0,
  timestamptz '2024-02-01 00:00:00+00' + i * interval '13 minutes'
from generate_series(1, 120) as i;

-- 20 orders name a customer who does not exist, 13 have a negative total, and 50 come from customers in XX.
insert into orders
select
  i,
  case when i % 250 = 0 then 100000 + i else 1 + i * 7919 % 500 end,
  timestamptz '2024-03-01 06:00:00+01' + i * interval '37 minutes 0.123457 seconds',
  (array['new', 'paid', 'shipped', 'returned'])[1 + i % 4]::order_status,
  case when i % 400 = 7 then -1 else 1 end * (i * 104729 % 1000000)::numeric / 100 + case i when 11 then 9999990000 else 0 end,
  case when i % 6 = 0 then null
       else jsonb_build_object('channel', (array['web', 'shop', 'phone'])[1 + i % 3], 'gift', i % 17 = 0, 'n', i * 0.10) end,
  case when i % 21 = 0 then E'ring twice,\n"please"' when i % 22 = 0 then '' end,
  timestamptz '2024-03-01 06:00:00+01' + i * interval '38 minutes 0.000001 seconds'
from generate_series(1, 5000) as i;

insert into order_items
select
  i,
  line,
  1 + (i * 31 + line * 17) % 120,
  1 + (i + line) % 5,
  ((i * 7919 + line * 101) % 100000)::numeric / 100,
  timestamptz '2024-03-01 06:00:00+01' + i * interval '38 minutes 0.000001 seconds'
from generate_series(1, 5000) as i, generate_series(1, 1 + i % 4) as line;

insert into tmp_import values ('not for the warehouse');

commit;
