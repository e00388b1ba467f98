SELECT o.order_date, o.country, coalesce(p.category, 'unknown') AS category, l.currency,
       count(DISTINCT l.order_id) AS orders,
       CAST(sum(l.quantity) AS BIGINT) AS units,
       CAST(sum(l.net_amount) AS DECIMAL(28,2)) AS revenue
FROM {silver.latest_lines} AS l
JOIN {silver.latest_orders} AS o ON o.order_id = l.order_id AND o.status NOT IN ('cancelled', 'returned')
LEFT JOIN {silver.latest_products} AS p ON p.product_id = l.product_id
GROUP BY ALL
ORDER BY order_date
