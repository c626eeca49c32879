"""What every mail and the service around it must get right: sixty statements, each with its proof.

The statements are those of the standards (RFC 5321, 5322, 2045-2047, 8058, 2369, 2919, 3834, 6376,
3464), of the large receivers' rules for bulk senders, and of the laws on mail and privacy. A
number stands with the tests that prove it; one without a test, or with one that is gone, fails.
"""

import ast
from functools import cache
from pathlib import Path

import pytest
from website import fresh_app

from digest.cli import domain
from digest.errors import ConfigError

HERE = Path(__file__).parent

# Number: what must be so, and the tests that would fail if it were not.
PROOFS = {
    1: ("line ends", "mails::lines_end_and_are_short_and_everything_is_seven_bit"),
    2: ("line lengths", "mails::lines_end_and_are_short_and_everything_is_seven_bit"),
    3: ("7-bit clean", "mime::whatever_is_said_the_wire_is_7_bit_crlf_and_short_lines"),
    4: ("headers once", "mails::each_header_is_there_once_and_says_what_it_must"),
    5: ("Date", "mime::the_date_is_told_in_utc_with_a_numeric_zone"),
    6: (
        "From: one mailbox of the own domain",
        "mime::a_sender_is_written_as_the_standard_has_it",
        "mail_statements::the_doctor_refuses_a_sender_at_a_public_mail_provider",
    ),
    7: (
        "Message-ID",
        "links::names_of_mails_differ_by_mail_and_reader",
        "mails::message_ids_are_distinct_and_the_list_is_one",
    ),
    8: ("one recipient", "mails::no_mail_names_another_reader_or_puts_an_address_into_a_link"),
    9: (
        "encoded subject, bare list headers",
        "mime::a_subject_is_folded_or_encoded_only_where_it_must_be",
        "mime::the_headers_of_a_list_are_never_encoded_or_broken_inside_a_uri",
    ),
    10: ("Reply-To", "mails::each_header_is_there_once_and_says_what_it_must"),
    11: ("text, then HTML", "mails::text_comes_first_and_html_last_in_utf8"),
    12: ("UTF-8", "mails::text_comes_first_and_html_last_in_utf8"),
    13: ("quoted-printable", "press::pieces_may_be_joined_and_their_lines_stay_short"),
    14: ("equivalent text", "mails::html_and_text_say_the_same_and_both_are_complete"),
    15: ("size", "fit::no_edition_makes_a_mail_that_is_cut_off_or_cannot_be_left"),
    16: ("no leftovers", "mails::html_and_text_say_the_same_and_both_are_complete"),
    17: ("one URI", "mails::list_headers_hold_one_https_address_with_a_token_of_128_bits"),
    18: ("One-Click", "mails::list_headers_hold_one_https_address_with_a_token_of_128_bits"),
    19: (
        "token",
        "links::every_change_of_one_character_is_refused",
        "links::a_token_names_no_address",
        "mails::the_tokens_of_two_readers_differ",
    ),
    21: (
        "POST leaves",
        "web_joining::one_click_leaves_at_once_without_cookie_origin_page_or_redirect",
    ),
    22: (
        "no cookie or token of a form",
        "web_joining::one_click_leaves_at_once_without_cookie_origin_page_or_redirect",
    ),
    23: ("any form encoding", "web_guard::one_click_works_whatever_comes_in_its_body"),
    24: (
        "GET changes nothing",
        "web_guard::looking_at_any_page_with_any_token_changes_nothing",
        "web_joining::a_scanner_that_opens_the_unsubscribe_link_ends_nothing",
    ),
    25: (
        "again is as good as once",
        "web_joining::leaving_again_or_with_a_link_that_is_not_ours_shows_the_very_same_page",
    ),
    26: (
        "double opt-in",
        "web_joining::only_the_button_behind_the_link_confirms_and_twice_is_as_good_as_once",
        "web_joining::a_confirmation_that_is_too_old_says_so_and_changes_nothing",
    ),
    29: (
        "SPF, DKIM and DMARC of one domain",
        "doctor_dns::where_all_is_published_only_what_dns_cannot_show_is_left",
        "doctor_dns::where_nothing_is_published_each_row_says_what_to_publish",
        "doctor_dns::the_policy_of_the_organisation_counts_for_its_parts",
    ),
    30: (
        "both SPF and DKIM",
        "doctor_dns::where_nothing_is_published_each_row_says_what_to_publish",
        "doctor_dns::what_is_published_wrongly_is_told",
    ),
    31: (
        "TLS to the relay, whose name leads back",
        "mailer::mail_goes_over_tls_as_configured_or_not_at_all",
        "doctor_dns::what_is_published_wrongly_is_told",
    ),
    32: (
        "complaints",
        "suppression::complaints_and_many_equal_refusals_pause_a_domain",
        "doctor_dns::nobody_need_be_asked",
    ),
    33: (
        "the sender's fault",
        "mailer::a_refused_sender_is_no_fault_of_the_reader",
        "bounces_postfix::every_kind_of_failure_comes_back_and_is_understood",
        "doctor_dns::nobody_need_be_asked",
    ),
    34: ("List-Id", "mime::the_list_keeps_its_id_whatever_its_name"),
    35: (
        "List-Help, -Owner",
        "mails::list_headers_hold_one_https_address_with_a_token_of_128_bits",
    ),
    36: ("Auto-Submitted", "mails::each_header_is_there_once_and_says_what_it_must"),
    38: ("Feedback-ID", "mails::list_headers_hold_one_https_address_with_a_token_of_128_bits"),
    39: ("visible ways out", "fit::no_edition_makes_a_mail_that_is_cut_off_or_cannot_be_left"),
    40: (
        "who writes, and why",
        "mails::html_and_text_say_the_same_and_both_are_complete",
        "mails::without_a_postal_address_nothing_goes_out",
    ),
    41: (
        "effective at once",
        "mails::one_click_in_a_digest_ends_the_mails_at_once",
        "mails::who_leaves_after_the_mail_was_queued_gets_none",
    ),
    42: (
        "record of consent",
        "web_joining::a_sign_up_is_a_pending_reader_with_a_letter_and_a_consent",
        "web_preferences::the_download_is_everything_about_the_reader_and_about_nobody_else",
        "web_preferences::deleting_leaves_nothing_but_the_suppression",
        "store_readers::a_suppression_outlives_the_reader",
    ),
    43: (
        "sign-up",
        "web_joining::a_network_waits_after_so_many_sign_ups_and_no_other_does",
        "web_joining::the_answer_does_not_tell_whether_an_address_is_known",
        "mails::a_confirmation_sells_nothing_and_has_no_link_to_preferences",
    ),
    50: (
        "SMTP",
        "mailer::the_size_is_told_where_the_server_asks_for_it",
        "retry::a_day_of_deferrals_ends_within_the_day",
        "mailer::a_window_with_a_421_in_the_middle_goes_on_over_a_second_connection",
    ),
    51: (
        "addresses",
        "mime::an_address_goes_over_the_wire_in_ascii",
        "web_joining::what_is_no_address_is_refused_in_words_and_changes_nothing",
    ),
    52: (
        "postmaster and abuse",
        "doctor_dns::where_nothing_is_published_each_row_says_what_to_publish",
    ),
    54: ("sound HTML", "render::a_mail_is_sound_html_for_clients_that_are_not"),
    55: (
        "both schemes",
        "render::the_one_style_of_a_mail_is_what_cannot_be_inlined",
        "render::text_can_be_read_on_its_ground",
    ),
    56: ("inlined CSS", "render::the_one_style_of_a_mail_is_what_cannot_be_inlined"),
    57: ("nothing is loaded", "render::a_mail_is_sound_html_for_clients_that_are_not"),
    58: ("links", "render::a_mail_is_sound_html_for_clients_that_are_not"),
    59: (
        "preheader",
        "render::the_preheader_stands_before_the_heading_and_is_of_the_right_length",
        "mail_statements::text_is_of_a_size_that_can_be_read",
    ),
    60: (
        "one digest a date",
        "day::killed_again_and_again_at_any_time",
        "store_ledger::two_deliveries_of_one_reader_taken_at_once_never_carry_the_same_paper",
    ),
    20: (
        "mailto alternative",
        "feedback_loop::a_mail_leaves_with_an_address_of_its_own_to_come_back_to_and_one_to_leave_by",
        "returns::a_mail_to_the_readers_own_address_ends_the_subscription",
    ),
    27: (
        "DKIM covers",
        "dkim::the_signature_covers_what_it_must_and_its_lines_are_short",
        "dkim::no_signed_header_can_be_changed",
    ),
    28: ("DKIM keys", "dkim::both_signatures_of_a_mail_verify"),
    37: (
        "automatic mail is not answered",
        "bounces_reading::answers_of_machines_are_told_from_those_of_people",
        "returns::an_automatic_reply_unsubscribes_nobody",
    ),
    44: (
        "VERP",
        "verp::every_delivery_has_an_address_that_can_be_read_and_written",
        "feedback_loop::a_mail_leaves_with_an_address_of_its_own_to_come_back_to_and_one_to_leave_by",
    ),
    45: (
        "reports asked for where offered",
        "mailer_reports::a_report_of_failures_and_delays_with_headers_only_is_asked_for_by_the_mails_name",
        "mailer_reports::no_report_is_asked_for_where_it_is_not_offered_or_not_wanted",
        "mailer_reports::a_relay_that_offers_what_it_does_not_know_costs_no_reader_their_mail",
        "bounces_postfix::every_kind_of_failure_comes_back_and_is_understood",
    ),
    46: (
        "delivery reports",
        "bounces_reading::a_delivery_report_is_read_from_every_server",
        "bounces_pipe::a_report_comes_in_through_the_pipe_of_a_real_postfix",
    ),
    47: ("complaints", "returns::a_complaint_is_known_by_the_link_of_the_mail_it_is_about"),
    48: (
        "forged bounces",
        "returns::what_is_forged_or_unreadable_is_kept_and_changes_nothing",
    ),
    53: (
        "foreign Authentication-Results",
        "returns::what_is_forged_or_unreadable_is_kept_and_changes_nothing",
    ),
    49: (
        "which status does what",
        "suppression::the_first_event_of_an_address",
        "suppression::points_add_up_a_day_at_a_time",
    ),
}
DOCTOR = frozenset(number for numbers, _ in domain.ADVICE.values() for number in numbers)


@cache
def named_in(name):
    """The names of the tests in a module, without their ``test_``."""
    tree = ast.parse((HERE / f"test_{name}.py").read_text("utf-8"))
    functions = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {one.removeprefix("test_") for one in functions if one.startswith("test_")}


def test_every_statement_has_its_proof_and_the_doctor_knows_the_operators():
    assert set(PROOFS) == set(range(1, 61))
    assert {29, 30, 31, 32, 33, 52} == DOCTOR


@pytest.mark.parametrize("number", sorted(PROOFS), ids=lambda one: f"{one}: {PROOFS[one][0]}")
def test_the_proof_of_a_statement_exists(number):
    _, *proofs = PROOFS[number]
    assert proofs
    for proof in proofs:
        module, _, name = proof.partition("::")
        assert name in named_in(module), proof


# ── The operator's: DNS, and what to watch ───────────────────────────────────────────────────────


@pytest.fixture
def app(tmp_path):
    """An installation that nobody has started."""
    return lambda **over: fresh_app(f"sqlite:///{tmp_path}/d.db", None, **over)


@pytest.mark.parametrize("place", ["gmail.com", "GMAIL.com", "outlook.com"])
def test_the_doctor_refuses_a_sender_at_a_public_mail_provider(app, place):
    with pytest.raises(ConfigError, match="domain of your own"):
        domain.require_domain(app(sender={"address": f"digest@{place}"}))


def test_the_doctor_accepts_a_sender_of_the_own_domain(app):
    assert domain.require_domain(app()) == "digest.example.org"


def test_text_is_of_a_size_that_can_be_read():
    css = (HERE.parent / "templates/mail/style.css.j2").read_text("utf-8")
    sizes = [int(one.partition("px")[0]) for one in css.split("font-size: ")[1:]]
    assert len(sizes) > 8
    assert min(sizes) >= 12
