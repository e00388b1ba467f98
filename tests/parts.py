"""Parts of the long proofs: ``pytest -p tests.parts --part 2/4`` runs the second of four, each about as long.

``make proof PART=2/4`` says so. Whole test functions, proofs and laws, are dealt, the longest first, each to the part
that has the least, by the seconds below: the same in every place, whatever else is selected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.laws import is_law

#: Seconds of a proof with all its parameters on two cores: measured, or a guess that is to be replaced by what
#: `--durations=0` of a nightly run tells. They decide nothing but which part a proof is in.
SECONDS = {
    "test_memory.py::test_memory_is_bounded_whatever_a_file_unpacks_to": 80,
    "test_parquet.py::test_no_row_is_lost_by_any_bit_of_the_footer": 35,
    "test_stream.py::test_overlapping_batches_with_other_edges_in_any_order_give_the_same_tables": 35,
    "test_commit.py::test_killed_anywhere_and_run_again_the_tables_are_as_if_undisturbed": 15,
    "test_gate.py::test_a_page_is_refused_and_changes_nothing_even_if_it_signs": 15,
    "test_spark.py::test_what_spark_refuses_is_the_runs_error": 25,
    "test_undoing.py::test_what_is_undone_leaves_what_one_full_build_makes": 1800,
    "test_undoing.py::test_what_is_undone_on_either_engine_leaves_what_one_full_build_makes": 1800,
    "test_pace.py::test_four_trickling_streams_make_a_commit_a_minute_and_a_refresh_an_hour": 4,
    "test_pace.py::test_the_simulated_ledger_answers_as_dynamodb_does": 160,
    "test_cfn_lint.py::test_cfn_lint_finds_nothing": 50,
    "test_every_option.py::test_every_option_acts_where_it_is_deployed": 150,
    "test_every_option.py::test_athena_reads_what_was_accepted": 20,
    "test_readers_fuzz.py::test_a_million_mutated_files_are_read_or_quarantined": 2902,
    "test_csv_laws.py::test_a_million_texts_are_read_as_by_the_reference": 1320,
    "test_accepted_commits.py::test_what_is_accepted_is_committed_and_read_back_equal_many_times": 226,
    "test_check_queries.py::test_all_that_checks_may_say_is_alike": 200,
    "test_check_queries.py::test_calls_of_calls_are_alike": 400,
    "test_check_queries.py::test_the_rules_that_sluice_writes_itself_find_the_same_on_both_engines": 40,
    "test_functions.py::test_the_table_is_what_both_engines_answer": 900,
    "test_retention.py::test_retention_in_any_history_changes_no_key_that_nothing_came_for": 200,
    "test_retention.py::test_retention_in_many_histories_changes_no_key_that_nothing_came_for": 1700,
    "test_behaviour.py::test_all_other_cases_hold_on_spark": 330,
    "test_runs.py::test_a_measure_sees_the_table_before_and_as_it_will_be": 35,
    "test_runs.py::test_a_run_that_is_always_overtaken_ends_with_nothing_published": 15,
    "test_runs.py::test_a_run_reads_the_pinned_snapshots_in_the_tables_present_columns": 15,
    "test_runs.py::test_old_snapshots_expire_with_the_files_that_only_they_had": 15,
    "test_runs.py::test_deletes_of_single_rows_that_were_rewritten_since_mean_a_whole_run": 15,
    "test_runs.py::test_a_run_that_another_overtakes_begins_again": 20,
    "test_runs.py::test_a_run_whose_branch_a_later_one_removed_begins_again": 10,
    "test_runs.py::test_what_a_killed_run_wrote_is_never_read_and_the_next_run_removes_it": 15,
    "test_reserved_words.py::test_either_engine_goes_on_from_what_the_other_made": 90,
    "test_either_engine.py::test_a_random_history_on_both_engines_ends_as_one_full_build": 95,
    "test_refresh.py::test_a_run_that_outgrows_both_functions_is_made_by_spark": 120,
    "test_killed_at_random.py::test_killed_each_second_for_a_while_nothing_is_lost_or_doubled": 120,
    "test_functions.py::test_every_letter_of_unicode_is_folded_alike": 60,
    "test_functions.py::test_the_last_sigma_of_a_word_is_folded_alike": 60,
    "test_histories.py::test_after_any_history_every_reader_finds_the_rows_of_the_model": 2300,
    "test_faults.py::test_a_statement_on_an_iceberg_table_has_done_all_or_nothing": 1500,
    "test_faults.py::test_a_table_is_made_of_a_query_wholly_or_not_at_all": 300,
    "test_faults.py::test_an_unload_that_fails_leaves_nothing": 30,
    "test_writers.py::test_writers_at_once_lose_and_double_nothing": 150,
    "test_writers.py::test_who_may_not_begin_anew_fails_with_athenas_error_and_has_done_nothing": 90,
    "test_cdk_cli.py::test_a_first_deployment_that_was_rolled_back_is_repeated": 120,
    "test_pages_run.py::test_a_how_to_page_goes_on_from_the_tutorial_in_a_new_terminal": 240,
    "test_confined.py::test_the_check_refuses_it_with_file_line_field_and_next_step": 150,
    "test_confined.py::test_it_does_not_compile_however_the_contract_came_to_be": 20,
    "test_python.py::test_a_client_works_unchanged": 140,
    "test_dbt.py::test_a_project_of_dbt_works_unchanged": 60,
    "test_ends.py::test_an_interrupt_a_termination_and_a_closed_terminal_end_every_process": 60,
    "test_writes.py::test_each_way_of_writing_leaves_what_duckdb_leaves": 70,
    "test_writes.py::test_conflicts_are_the_same_rows_whichever_engine_finds_them": 20,
    "test_spark_rest.py::test_spark_over_rest_and_athena_read_each_others_tables": 50,
    "test_example.py::test_without_the_example_all_tests_of_the_library_are_collected_and_a_share_of_them_holds": 80,
    "test_deleted.py::test_two_environments_stand_side_by_side_and_one_that_keeps_nothing_goes_with_its_data": 90,
    "test_deleted.py::test_that_data_would_no_longer_be_kept_is_a_loss": 20,
    "test_deleted.py::test_one_that_keeps_its_data_is_taken_up_again_and_goes_on": 60,
    "test_cdk_api.py::test_files_are_put_into_a_bucket_and_a_provider_waits_for_what_it_makes": 60,
    "test_cdk_cli.py::test_a_stack_that_cannot_be_deployed_says_why_and_can_be_repeated": 40,
    "test_deliver.py::test_a_change_is_tested_told_merged_and_deployed_by_roles_that_may_do_no_more": 120,
    "test_statements.py::test_without_any_one_statement_the_roles_work_is_refused": 700,
    "test_statements.py::test_without_any_one_statement_the_job_is_refused": 400,
    "test_statements_of_people.py::test_without_any_one_statement_the_test_of_a_roles_work_fails": 500,
    "test_statements_with_key.py::test_without_any_one_statement_the_roles_work_is_refused": 800,
    "test_statements_with_key.py::test_without_any_one_statement_the_test_of_a_roles_work_fails": 600,
    "test_statements_with_key.py::test_without_any_one_statement_the_job_is_refused": 400,
    "test_cdk_own_project.py::test_a_project_of_ones_own_goes_the_whole_way": 220,
    "test_upgraded.py::test_an_earlier_deployment_is_upgraded_with_its_data_and_rolled_back": 150,
    "test_smoke.py::test_the_whole_way_is_gone_and_nothing_is_left": 150,
    "test_superset.py::test_superset_asks_and_is_answered": 40,
    "test_dbt_shopsphere.py::test_dbt_makes_reports_of_shopsphere": 150,
    "test_engines.py::test_a_result_goes_to_s3_in_bounded_memory": 300,
    "test_patterns.py::test_allowed_patterns_find_the_same_on_both_engines": 120,
    "test_killed_at_random.py::test_killed_each_second_for_two_minutes_nothing_is_lost_or_doubled": 300,
    "test_own_project.py::test_what_is_declared_now_is_deployed_in_place_and_rows_are_kept": 85,
    "test_own_project.py::test_a_project_upgrades_by_upgrading_the_package": 30,
    "test_undo.py::test_a_rolled_back_table_is_held_until_its_input_changes": 35,
    "test_undo.py::test_a_retraction_ends_the_same_wherever_the_committer_is_killed": 55,
    "test_stream_shards.py::test_four_lanes_in_a_shard_lose_and_double_nothing_and_are_waited_for": 30,
    "test_spark.py::test_spark_and_pyiceberg_read_each_others_tables": 40,
    "test_stream_real.py::test_every_click_of_a_real_shop_is_in_athena": 55,
    "test_stream_real.py::test_search_behaviour_with_two_spellings_of_time_is_in_athena": 30,
    "test_stream_real.py::test_the_plain_command_line_sees_the_same_sessions": 50,
    "test_real_model.py::test_every_record_is_accepted_or_quarantined": 95,
    "test_real_model.py::test_every_derived_table_was_built_without_spark": 95,
    "test_real_model.py::test_a_table_is_what_the_raw_files_say": 100,
    "test_real_model.py::test_athena_sums_up_to_what_the_raw_files_say": 95,
    "test_real_model.py::test_real_spellings_are_resolved_where_they_can_be": 95,
    "test_operational_events.py::test_an_ingestor_that_dies_between_bus_and_topic_tells_again_with_the_same_ids": 30,
    "test_shares.py::test_a_share_is_the_same_decimal_on_both_engines": 30,
    "test_engines.py::test_a_generated_history_becomes_the_same": 60,
    "test_cdk_cli.py::test_what_stayed_as_it_was_is_no_change_and_what_is_protected_is_not_destroyed": 90,
    "test_standing.py::test_where_no_socket_can_be_a_process_of_its_own_synthesizes": 25,
    "test_cli.py::test_whatever_ends_up_ends_the_local_aws": 20,
    "test_pages_run.py::test_a_page_does_what_it_says": 75,
    "test_where_to_add.py::test_a_stream_envelope_is_one_file": 15,
    "test_where_to_add.py::test_a_write_mode_is_one_entry": 20,
    "test_incremental.py::test_a_random_history_ends_as_one_full_build": 340,
    "test_accepted_commits.py::test_text_that_has_no_next_one_is_committed": 60,
    "test_histories.py::test_a_random_history_ends_as_one_full_build": 70,
    "test_people_at_work.py::test_an_operator_watches_refreshes_pauses_and_tries_again": 90,
    "test_hive_oracle.py::test_text_is_read_as_hive_reads_it": 45,
}
#: What a proof takes that nobody has measured.
UNMEASURED = 600
#: What all cases of a law take that nobody has measured.
UNMEASURED_LAW = 20
#: What the longest part of a nightly run may take, in seconds, by these numbers.
LONGEST = 90 * 60


def name_of(node: str) -> str:
    """Return ``file.py::function`` of a test's node id: what stays the same when folders move."""
    return node.partition("[")[0].rpartition("/")[2]


def seconds_of(node: str, *, law: bool = False) -> int:
    """Return how long a proof, or all cases of a law, is taken to last."""
    return SECONDS.get(name_of(node), UNMEASURED_LAW if law else UNMEASURED)


def dealt(seconds: Mapping[str, int], parts: int) -> list[set[str]]:
    """Deal test functions (node ids without parameters, with how long they last) to parts of about the same length."""
    found: list[set[str]] = [set() for _ in range(parts)]
    taken = [0] * parts
    for node in sorted(seconds, key=lambda each: (-seconds[each], each)):
        least = taken.index(min(taken))
        found[least].add(node)
        taken[least] += seconds[node]
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", default="1/1", metavar="N/M", help="run the Nth of M parts of the proofs")


def part_of(text: str) -> tuple[int, int]:
    """Return N and M of ``N/M``; UsageError if there is no such part."""
    found = re.fullmatch(r"([1-9]\d{0,2})/([1-9]\d{0,2})", text)
    if not found or int(found[1]) > int(found[2]):
        raise pytest.UsageError(f"--part {text}: allowed is N/M with N from 1 to M, e.g. PART=2/4")
    return int(found[1]), int(found[2])


# Before `-m` and `-k` take tests away, so that these change no part.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    number, parts = part_of(config.getoption("part"))
    proofs = {_function(item) for item in items if item.get_closest_marker("proof")}
    laws = {_function(item) for item in items if is_law(item)} - proofs
    seconds = {node: seconds_of(node) for node in proofs} | {node: seconds_of(node, law=True) for node in laws}
    others = seconds.keys() - dealt(seconds, parts)[number - 1]
    config.hook.pytest_deselected(items=[item for item in items if _function(item) in others])
    items[:] = [item for item in items if _function(item) not in others]


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
