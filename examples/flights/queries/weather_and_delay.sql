-- What the weather at departure does to flights. Each flight meets the hour of weather it was scheduled in.
with met as (
  select
    flights.*,
    case
      when weather.time_hour is null then '6 no reading'
      when visibility_km < 1.6 then '1 fog (sight below 1.6 km)'
      when rain_mm >= 2.5 then '2 rain (2.5 mm or more in the hour)'
      when rain_mm > 0 then '3 drizzle'
      when wind_kmh >= 40 then '4 dry wind (40 km/h or more)'
      else '5 fair'
    end as weather
  from flights
  left join weather using (origin, time_hour)
)
select
  weather,
  count(*) as flights,
  round(avg(dep_delay), 1) as mean_delay_min,
  round(100.0 * count(*) filter (dep_delay > 60) / count(*), 1) as over_an_hour_pct,
  round(100.0 * count(*) filter (cancelled) / count(*), 1) as cancelled_pct
from met
group by weather
order by weather
