{{ config(materialized='table', table_type='iceberg', partitioned_by=['day(ordered_at)']) }}
select * from {{ ref('stg_orders') }}
