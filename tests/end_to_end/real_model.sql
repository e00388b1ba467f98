-- What the model must say, computed from the raw files alone: DuckDB's SQL by hand, whole numbers of cents, no code of
-- the project. Variables: retail, rates, countries, cities (files), first_rate, last_rate (days).
CREATE SCHEMA silver; CREATE SCHEMA gold; CREATE SCHEMA counted;

-- Rounded half up; amounts are cents, rates are whole numbers of 1e-10 euros.
CREATE MACRO quotient(whole, part) AS 1::HUGEINT * (2 * whole::HUGEINT + part) // (2 * part);
CREATE MACRO euro_cents(cents, rate) AS quotient(cents::HUGEINT * rate, 10000000000::HUGEINT);
CREATE MACRO money(cents) AS cents::DECIMAL(28,0) * 0.01::DECIMAL(3,2);
CREATE MACRO euros_of(scaled) AS scaled::DECIMAL(28,0) * 0.0000000001::DECIMAL(11,10);
CREATE MACRO moment_key(id, moment) AS id || '@' || strftime(moment, '%Y%m%d%H%M%S') || '000000';

-- The raw files.
CREATE TABLE raw_line AS
SELECT InvoiceNo AS invoice, StockCode AS code, Description AS description, Quantity::INTEGER AS quantity,
    (UnitPrice::DECIMAL(12,2) * 100)::BIGINT AS price, InvoiceDate::TIMESTAMP AS written_at, CustomerID AS buyer,
    Country AS country
FROM read_csv(getvariable('retail'), all_varchar = true, header = true);

CREATE TABLE raw_country AS
SELECT "ISO3166-1-Alpha-2" AS code, "CLDR display name" AS name, official_name_en AS official, "Region Name" AS region
FROM read_csv(getvariable('countries'), all_varchar = true, header = true);

CREATE TABLE raw_rate AS
SELECT "Date", currency, per_eur FROM (
    SELECT * FROM read_csv(getvariable('rates'), all_varchar = true, header = true)
    WHERE "Date" BETWEEN getvariable('first_rate') AND getvariable('last_rate')
) UNPIVOT INCLUDE NULLS (per_eur FOR currency IN (COLUMNS(* EXCLUDE "Date")));

CREATE TABLE spelling AS
SELECT DISTINCT lower(unnest([name, official])) AS written, code FROM raw_country
UNION VALUES ('united kingdom', 'GB'), ('eire', 'IE'), ('czech republic', 'CZ'), ('hong kong', 'HK');

CREATE TABLE raw_city AS
SELECT c.name AS city, subcountry AS region, coalesce(code, '') AS country_code,
    row_number() OVER (PARTITION BY code ORDER BY geonameid::BIGINT) AS number
FROM read_csv(getvariable('cities'), all_varchar = true, header = true) c LEFT JOIN spelling ON written = lower(country);

-- Reference data and rates: the last one published holds until the next.
CREATE TABLE silver.countries AS
SELECT code AS country_code, name, region FROM raw_country WHERE region IS NOT NULL;

CREATE TABLE silver.cities AS
SELECT format('{}{:03d}', country_code, number) AS city_id, city, country_code, coalesce(region, 'unknown') AS region
FROM raw_city WHERE country_code <> '';

CREATE TABLE published AS
SELECT "Date"::DATE AS published_on, currency, per_eur::DECIMAL(18,8) AS per_eur
FROM raw_rate WHERE length(currency) = 3 AND per_eur <> 'N/A';

CREATE TABLE rate_day AS
SELECT unnest(generate_series(min(published_on), max(published_on), INTERVAL 1 DAY))::DATE AS rate_date FROM published;

CREATE TABLE rate AS
SELECT rate_date, p.currency, p.per_eur, published_on,
    quotient(1000000000000000000, (p.per_eur::DECIMAL(28,8) * 100000000)::HUGEINT)::BIGINT AS scaled
FROM (SELECT rate_date, currency FROM rate_day CROSS JOIN (SELECT DISTINCT currency FROM published)) d
ASOF JOIN published p ON p.currency = d.currency AND rate_date >= published_on
UNION ALL SELECT rate_date, 'EUR', 1, rate_date, 10000000000 FROM rate_day;

CREATE TABLE silver.exchange_rates AS
SELECT rate_date, currency, per_eur, euros_of(scaled) AS eur_per_unit,
    published_on < rate_date AS carried, published_on FROM rate;

CREATE TABLE pound AS
SELECT day, scaled FROM (
    SELECT DISTINCT unnest([written_at::DATE, date_trunc('month', written_at)::DATE]) AS day FROM raw_line
) JOIN rate ON currency = 'GBP' AND rate_date = least(day, (SELECT max(rate_date) FROM rate));

-- Orders: not those that nobody bought for nothing, nor those to a country without a code.
CREATE TABLE invoice AS
SELECT invoice, min(written_at) AS placed_at, max(written_at) AS last_at, any_value(buyer) AS buyer,
    any_value(spelling.code) AS country, max(price) > 0 AS asks_money
FROM raw_line LEFT JOIN spelling ON written = lower(country) GROUP BY invoice;

CREATE TABLE silver.orders AS
SELECT 'O' || lpad(right(invoice, 6), 9, '0') AS order_id,
    'C' || lpad(coalesce(split_part(buyer, '.', 1), '0'), 7, '0') AS customer_id, buyer IS NOT NULL AS customer_known,
    placed_at AS order_ts, placed_at::DATE AS order_date,
    if(invoice LIKE 'C%', 'returned', 'paid') AS status, if(invoice LIKE 'C%', last_at::DATE, NULL) AS returned_on,
    'GBP' AS currency, country, euros_of(scaled) AS eur_rate, last_at AS updated_at
FROM invoice JOIN pound ON day = placed_at::DATE WHERE country IS NOT NULL AND (buyer IS NOT NULL OR asks_money);

-- Products: what was said of them in each month; those of a month without a description are refused.
CREATE TABLE product_number AS
SELECT code, 'P' || lpad((row_number() OVER (ORDER BY code))::VARCHAR, 5, '0') AS product_id,
    if(regexp_matches(code, '^[0-9]{5}'), 'range ' || left(code, 2), 'no goods') AS category
FROM (SELECT DISTINCT code FROM raw_line);

CREATE TABLE product_month AS
SELECT code, date_trunc('month', written_at)::DATE AS month, min(description) AS name, max(price) AS price,
    max(written_at) AS updated_at
FROM raw_line GROUP BY ALL;

CREATE TABLE silver.products AS
SELECT product_id, code AS sku, name, category, money(price) AS list_price, month AS valid_from,
    money(euro_cents(price, scaled)) AS list_price_eur
FROM product_month JOIN product_number USING (code) JOIN pound ON day = month
WHERE name IS NOT NULL QUALIFY row_number() OVER (PARTITION BY code ORDER BY month DESC) = 1;

CREATE TABLE gold.dim_product AS
SELECT moment_key(product_id, month) AS product_key, product_id, code AS sku, name, category, money(price) AS list_price,
    month::TIMESTAMP AS valid_from
FROM (
    SELECT * FROM product_month WHERE name IS NOT NULL QUALIFY (name, price) IS DISTINCT FROM
        (lag(name) OVER (PARTITION BY code ORDER BY month), lag(price) OVER (PARTITION BY code ORDER BY month))
) JOIN product_number USING (code)
UNION ALL VALUES ('unknown', 'unknown', 'unknown', 'unknown', 'unknown', NULL, TIMESTAMP '1970-01-01');

-- Customers: where they were on each day on which they bought.
CREATE TABLE customer_day AS
SELECT 'C' || lpad(split_part(buyer, '.', 1), 7, '0') AS customer_id, buyer, min(written_at) AS written_at,
    any_value(country) AS written, any_value(spelling.code) AS country
FROM raw_line LEFT JOIN spelling ON spelling.written = lower(country)
WHERE buyer IS NOT NULL GROUP BY buyer, written_at::DATE;

CREATE TABLE silver.customers AS
SELECT customer_id, buyer AS last_name, coalesce(country, 'ZZ') AS country, country IS NOT NULL AS country_known,
    written AS country_as_given, min(written_at) OVER (PARTITION BY buyer) AS registered_at, written_at AS updated_at,
    'email_missing,' || if(country IS NULL, 'country_unknown,', '') || 'city_missing' AS issues
FROM customer_day QUALIFY row_number() OVER (PARTITION BY buyer ORDER BY written_at DESC) = 1;

CREATE TABLE gold.dim_customer AS
SELECT moment_key(customer_id, written_at) AS customer_key, customer_id, buyer AS name,
    coalesce(country, 'unknown') AS country, coalesce(country, 'unknown') AS geography_key, written_at AS valid_from
FROM (
    SELECT * FROM customer_day QUALIFY row_number() OVER (PARTITION BY buyer ORDER BY written_at) = 1
        OR country IS DISTINCT FROM lag(country) OVER (PARTITION BY buyer ORDER BY written_at)
)
UNION ALL VALUES ('unknown', 'unknown', 'unknown', 'unknown', 'unknown', TIMESTAMP '1970-01-01');

-- Places and days.
CREATE TABLE gold.dim_geography AS
SELECT country_code AS geography_key, 'country' AS level, name AS country FROM silver.countries
UNION ALL SELECT DISTINCT concat_ws('/', country_code, c.region), 'region', name
    FROM silver.cities c JOIN silver.countries USING (country_code) WHERE c.region <> 'unknown'
UNION ALL SELECT city_id, 'city', name FROM silver.cities JOIN silver.countries USING (country_code)
UNION ALL VALUES ('unknown', 'unknown', 'unknown');

CREATE TABLE gold.dim_date AS
SELECT unnest(generate_series(
    date_trunc('year', min(written_at)), date_trunc('year', max(written_at)) + INTERVAL 1 YEAR - INTERVAL 1 DAY,
    INTERVAL 1 DAY
))::DATE::VARCHAR AS date_key FROM raw_line UNION ALL VALUES ('unknown');
