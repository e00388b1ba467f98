{{ config(materialized='incremental', table_type='iceberg', incremental_strategy='merge', unique_key='order_id') }}
select order_id, customer, price from {{ ref('stg_orders') }}
