SELECT coalesce(month, 'all') AS month, coalesce(country, 'all') AS country, coalesce(category, 'all') AS category,
       currency, CAST(grouping_level AS INTEGER) AS grouping_level, units, revenue
FROM (
  SELECT month, country, category, currency,
         (month IS NULL)::INTEGER + (country IS NULL)::INTEGER + (category IS NULL)::INTEGER AS grouping_level,
         CAST(sum(units) AS BIGINT) AS units, CAST(sum(revenue) AS DECIMAL(28,2)) AS revenue
  FROM (SELECT strftime(order_date, '%Y-%m') AS month, country, category, currency, units, revenue
        FROM {gold.sales_by_day})
  GROUP BY GROUPING SETS (
    (month, country, category, currency), (month, country, currency), (month, category, currency),
    (country, category, currency), (month, currency), (country, currency), (category, currency), (currency)
  )
)
ORDER BY month
