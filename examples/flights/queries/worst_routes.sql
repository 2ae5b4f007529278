-- The routes that keep their passengers waiting longest: at least one flight a day, by mean delay at arrival.
select
  origin,
  dest,
  destination,
  count(*) as flights,
  round(avg(arr_delay), 1) as mean_delay_min,
  round(100.0 * count(*) filter (arr_delay > 60) / count(*), 1) as over_an_hour_pct,
  round(100.0 * count(*) filter (cancelled) / count(*), 1) as cancelled_pct
from flights
group by origin, dest, destination
having count(*) >= 365
order by avg(arr_delay) desc, origin, dest
limit 8
