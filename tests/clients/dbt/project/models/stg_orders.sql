{{ config(materialized='view') }}
select order_id, customer, ordered_at, cast(date(ordered_at) as date) as day, price from {{ ref('orders') }}
