"""What vulture finds unused and is used: by whom, group by group. `make check` fails on what is unused and not here.

Read by vulture alone; nothing here runs.
"""

# The columns of what is generated and streamed: dataclasses are written by their fields, in order.
_.missing_value, _.null_key, _.bad_number, _.bad_timestamp, _.unknown_value, _.negative_quantity, _.bad_email
_.wrong_field_count, _.malformed_json, _.trailing_garbage, _.duplicate, _.missing_city, _.missing_rate
_.unknown_campaign, _.missing_figure, _.dates_reversed
_.session_id, _.customer_id, _.event_type, _.search_term, _.unit_price, _.unit_cost, _.card_hash, _.utm_code
_.user_agent
# Columns of operational events, written by their fields.
_.first_event_time, _.last_event_time
# The manifests of what was generated, written as JSON for whoever compares.
_.tombstones, _.moved_keys, _.conflicting_ids, _.expected_late, _.coded_events, _.unknown_codes
# Fields that are read by name: rules by `msgspec.structs.asdict`.
_.exclusive_minimum, _.exclusive_maximum
# Fields of runs and plans that commands read from their JSON.
_.engine_reason, _.awaits_rows, _.warnings, _.rows_before
# http.server and socketserver call these by name and read these settings:
# https://docs.python.org/3/library/http.server.html
_.do_GET, _.do_POST, _.log_message, _.protocol_version, _.disable_nagle_algorithm, _.wbufsize
_.daemon_threads, _.close_connection, _.run_wsgi
# moto calls or reads these on what stands in the place of its own.
_.get_min_sequence_number, _.get_max_sequence_number, _.init_shards, _.split_shard, _.merge_shards
_.contentsize, _.iterlists, _.last_modified_ISO8601, _.querystring, _._old_receipt_handles, _.update_table
_.batch_stop_job_run
_.output_convert_nulls, _._query_language_per_scope, _._get_supported_parameters, _._eval_service_task
_._build_sync_resolver
# CloudFormation's operations: `localaws.cloudformation.api` finds a method by the operation's name.
_.create_stack, _.update_stack, _.delete_stack, _.list_stacks, _.create_change_set, _.describe_change_set
_.delete_change_set, _.execute_change_set, _.list_change_sets, _.describe_stack_events
_.describe_stack_resources, _.describe_stack_resource, _.list_stack_resources, _.get_template
_.get_template_summary, _.list_exports, _.list_imports, _.describe_events, _.update_termination_protection
# Read by the library whose object it is: botocore, typer, RE2, awslambdaric, CDK, CycloneDX, PyYAML, PyIceberg,
# zipfile.
_.external_attr, _.compress_type, _.vpc_config, _.produce
_._cache, _.log_errors, _.lambda_runtime_address, _.recursive_loop, _.component, _.yaml_implicit_resolvers
_.cachable, _._load_file, _._runtime_param, _._load_file_io, _._is_s3tables_database, _.memo, _._update_and_stage_table
_._build_delete_files_partition_predicate, _._existing_manifests, _._deleted_entries, _._process_manifests
# What a shell or a form of rows may be, read by typer from the enumeration.
_.zsh, _.fish, _.sheet
# A protocol's own call: nobody names it.
_.__call__
# What tests ask of the product: what roles were denied, a contract alone.
_.decisions, _.load_contract, _.replacements
# Options that only one format has: its reader asks for them (today a toy in the tests does).
_.own_options
# What each module of a registry is found by (`sluice.found`), and a hook of click's.
_.FORMAT, _.ENVELOPE, _.list_commands
# SQLFrame reads these of what stands in the place of its own; sqlglot its parser's tables.
_.selectExpr, _.unsupported_engines, _.input_dialect, _.nullable, _.dataType, _._lit, _._typed_columns
(
    _.INDEX_OFFSET,
    _.FUNCTIONS,
    _.FUNCTION_PARSERS,
    _.NO_PAREN_FUNCTION_PARSERS,
    _.NUMERIC_LITERALS,
    _._parse_extract,
    _._parse_interval,
    _.__bool__,
    _.__getattr__,
)
_.dtypes, _.unpersist
# The differential test of functions asks for these.
_.recorded_session, _.every_signature
