{{ config(materialized='table') }}
select customer, count(*) as orders, sum(price) as spent from {{ ref('stg_orders') }} group by customer
