with sold as (
    select order_date, country, category, currency, sum(net_amount) as revenue
    from {{ ref('sold_lines') }} group by 1, 2, 3, 4
)
select * from sold
full join {{ source('gold', 'daily_sales') }} d
    on sold.order_date = d.order_date and sold.country = d.country
    and sold.category = d.category and sold.currency = d.currency
where sold.revenue is distinct from d.revenue
