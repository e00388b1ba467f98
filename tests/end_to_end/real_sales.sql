-- What was sold, of the tables of real_model.sql: each line once, and every sum over lines that the model has.
CREATE TABLE line AS
SELECT DISTINCT 'O' || lpad(right(invoice, 6), 9, '0') AS order_id, * EXCLUDE invoice FROM raw_line WHERE quantity > 0;

CREATE TABLE silver.order_lines AS
SELECT order_id, product_id, quantity, money(price) AS unit_price, 'GBP' AS currency, money(price * quantity) AS net_amount,
    money(euro_cents(price * quantity, scaled)) AS net_amount_eur,
    line.written_at::DATE AS order_date, o.order_id IS NOT NULL AS order_known, p.product_id IS NOT NULL AS product_known,
    written_at AS updated_at
FROM line JOIN product_number USING (code) JOIN pound ON day = written_at::DATE
LEFT JOIN silver.orders o USING (order_id) LEFT JOIN silver.products p USING (product_id);

-- A line belongs to the version that held when it was ordered, else to the first one.
CREATE TABLE gold.fact_order_line AS
SELECT l.order_id, coalesce(order_ts, l.updated_at) AS ordered_at, l.order_date, l.order_date::VARCHAR AS date_key,
    coalesce(c.customer_key, first_c.customer_key, 'unknown') AS customer_key,
    coalesce(p.product_key, first_p.product_key, 'unknown') AS product_key,
    coalesce(o.country, 'unknown') AS geography_key, coalesce(o.customer_id, 'unknown') AS customer_id, l.product_id,
    coalesce(o.country, 'unknown') AS country, if(order_known, 'web', 'unknown') AS channel,
    coalesce(status, 'unknown') AS status, coalesce(status = 'paid', false) AS is_sale, quantity, unit_price, l.currency,
    net_amount, net_amount_eur
FROM silver.order_lines l LEFT JOIN silver.orders o USING (order_id)
ASOF LEFT JOIN gold.dim_customer c ON o.customer_id = c.customer_id AND coalesce(order_ts, l.updated_at) >= c.valid_from
ASOF LEFT JOIN gold.dim_product p ON l.product_id = p.product_id AND coalesce(order_ts, l.updated_at) >= p.valid_from
LEFT JOIN (SELECT customer_id, min(customer_key) AS customer_key FROM gold.dim_customer GROUP BY ALL) first_c
    ON first_c.customer_id = o.customer_id
LEFT JOIN (SELECT product_id, min(product_key) AS product_key FROM gold.dim_product GROUP BY ALL) first_p
    ON first_p.product_id = l.product_id;

CREATE TABLE sale AS
SELECT f.*, coalesce(category, 'unknown') AS category, strftime(order_date, '%Y-%m') AS month,
    (net_amount * 100)::HUGEINT AS pence, (net_amount_eur * 100)::HUGEINT AS cents
FROM gold.fact_order_line f
LEFT JOIN (SELECT DISTINCT product_id, category FROM gold.dim_product WHERE sku <> 'unknown') USING (product_id)
WHERE is_sale;

CREATE TABLE gold.sales_cube AS
SELECT coalesce(month, 'all') AS month, coalesce(country, 'all') AS country, coalesce(category, 'all') AS category,
    (month IS NULL)::INT + (country IS NULL)::INT + (category IS NULL)::INT AS grouping_level,
    count(DISTINCT order_id) AS orders, sum(quantity)::BIGINT AS units, money(sum(cents)) AS revenue_eur
FROM sale GROUP BY CUBE (month, country, category);

CREATE TABLE gold.daily_sales AS
SELECT order_date, country, category, currency, count(DISTINCT order_id) AS orders, sum(quantity)::BIGINT AS units,
    money(sum(pence)) AS revenue, money(quotient(sum(pence), count(DISTINCT order_id))) AS average_order_value
FROM sale GROUP BY ALL;

CREATE TABLE gold.revenue_by_category AS
SELECT (month || '-01')::DATE AS month, category, count(DISTINCT order_id) AS orders, sum(quantity)::BIGINT AS units,
    money(sum(cents)) AS revenue_eur, money(quotient(sum(cents), count(DISTINCT order_id))) AS average_order_eur
FROM sale GROUP BY ALL;

CREATE TABLE gold.customer_sales AS
SELECT customer_id, count(DISTINCT order_id) AS orders, sum(quantity)::BIGINT AS units, money(sum(cents)) AS revenue_eur,
    money(quotient(sum(cents), count(DISTINCT order_id))) AS average_sale_eur,
    min(order_date) AS first_order_on, max(order_date) AS last_order_on
FROM sale GROUP BY ALL;

CREATE TABLE gold.customer_value AS
SELECT customer_id, last_order_on,
    ((SELECT max(order_date) FROM gold.fact_order_line) - last_order_on)::INT AS recency_days,
    orders AS frequency, revenue_eur AS monetary_eur,
    ntile(5) OVER (ORDER BY last_order_on, customer_id)::INT AS recency_score,
    ntile(5) OVER (ORDER BY orders, customer_id)::INT AS frequency_score,
    ntile(5) OVER (ORDER BY revenue_eur, customer_id)::INT AS monetary_score
FROM gold.customer_sales;

CREATE TABLE sold_day AS
SELECT day::DATE AS date, count(DISTINCT order_id) AS orders, coalesce(sum(quantity), 0)::BIGINT AS units,
    coalesce(sum(cents), 0) AS cents
FROM (SELECT unnest(generate_series(min(order_date), max(order_date), INTERVAL 1 DAY)) AS day FROM sale)
LEFT JOIN sale ON order_date = day GROUP BY ALL;

CREATE TABLE gold.daily_metrics AS
SELECT date, orders, units, money(cents) AS revenue_eur, sum(orders) OVER week AS orders_7d,
    money(sum(cents) OVER week) AS revenue_eur_7d, sum(orders) OVER month AS orders_28d,
    money(sum(cents) OVER month) AS revenue_eur_28d
FROM sold_day WINDOW
    week AS (ORDER BY date RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW),
    month AS (ORDER BY date RANGE BETWEEN INTERVAL 27 DAY PRECEDING AND CURRENT ROW);

-- What was delivered of each dataset, and how much of it the contract takes.
CREATE TABLE counted.deliveries AS
SELECT 'orders' AS dataset, (SELECT count(*) FROM invoice) AS delivered, (SELECT count(*) FROM silver.orders) AS accepted
UNION ALL SELECT 'order_lines', count(*), count(*) FILTER (quantity > 0) FROM raw_line
UNION ALL SELECT 'customers', count(*), count(*) FROM customer_day
UNION ALL SELECT 'products', count(*), count(name) FROM product_month
UNION ALL SELECT 'exchange_rates', count(*), count(*) FILTER (length(currency) = 3) FROM raw_rate
UNION ALL SELECT 'countries', count(*), count(region) FROM raw_country
UNION ALL SELECT 'cities', count(*), (SELECT count(*) FROM silver.cities) FROM raw_city;
