{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['day']) }}
select order_id, price, cast(date(ordered_at) as varchar) as day from {{ ref('stg_orders') }}
{% if is_incremental() %} where ordered_at >= timestamp '2026-01-02 00:00:00' {% endif %}
