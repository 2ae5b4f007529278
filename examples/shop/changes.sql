-- A day in the shop after the first load: updates, new rows, a repair of bad rows and new mistakes.
begin;

update orders set total = total + 0.01, status = 'shipped', updated_at = now() where order_id % 25 = 3;
update products set price = price + 0.10, tags = array_append(tags, 'new price'), updated_at = now() where product_id between 50 and 59;
update order_items set quantity = quantity + 1, updated_at = now() where order_id % 100 = 9 and line_no = 1;

-- The accountant corrects half of the negative totals: these orders load now.
update orders set total = -total, updated_at = now() where total < 0 and order_id < 2500;

-- The customers of XX turn out to live in Norway. Their orders are touched, so they come along.
update customers set country = 'NO', updated_at = now() where country = 'XX';
update orders set updated_at = now() where customer_id % 97 = 0 and customer_id <= 500;

-- New mistakes in five orders that were loaded: the warehouse keeps the last version that was right.
update orders set total = -total - 1, updated_at = now() where order_id in (101, 102, 104, 105, 106);

insert into customers
select 1000 + i, 'New customer ' || i, null, 'DE', 'private', false, null, now() from generate_series(1, 20) as i;

insert into orders
select 10000 + i, 1000 + 1 + i % 20, now() - interval '1 hour', 'new', i * 1.01, '{"channel": "app"}', null, now()
from generate_series(1, 150) as i;

insert into order_items
select 10000 + i, 1, 1 + i % 120, 1, i * 1.01, now() from generate_series(1, 150) as i;

commit;
