"""Whole runs, made up, and what is said of them."""

from dataclasses import replace

import pytest

from fabricated import BEGAN, Run, breaker_open, change, elasticsearch_killed, healthy_records, record, timeline
from gameday.experiments import catalogue
from gameday.verdict.bars import QUICK_BARS, QUICK_COUNTS
from gameday.verdict.binomial import Shown, decide
from gameday.verdict.expect import Expect, Hypothesis
from gameday.verdict.observation import JudgedBy, see
from gameday.verdict.phases import Phase
from gameday.verdict.verdict import AuditLine, LoadFacts, Result, Verdict
from gameday.workload.records import DECLINED, Outcome, Record


def said(verdict: Verdict) -> str:
    return " ".join(finding.text for finding in verdict.findings)


def test_a_fault_that_nobody_notices_passes() -> None:
    verdict = Run().verdict()
    assert verdict.result is Result.PASS, said(verdict)
    assert verdict.result.exit_code == 0
    assert [row.name for row in verdict.rows][:2] == ["checkout", "cancel"]


def test_what_the_matrix_promises_passes() -> None:
    verdict = elasticsearch_killed().verdict()
    assert verdict.result is Result.PASS, said(verdict)
    browse = next(row for row in verdict.rows if row.name == "browse")
    assert browse.containment is not None
    assert browse.containment.quick_after_s == 0.5
    assert browse.containment.caught == 10
    assert browse.healthy_s == 0
    assert verdict.opened_s == (0.0, 1.0)


def test_too_many_failures_of_a_journey_that_does_not_need_the_part_fail_the_run() -> None:
    verdict = Run(records=change(healthy_records(), "cart", 10, 11, Outcome.FAILED)).verdict()
    assert verdict.result is Result.FAIL
    assert said(verdict) == "cart, fault: 98.33 % of 1,200 served, at most 98.89 %, bar 99.5 %."


def test_a_503_is_no_success_where_nobody_should_notice() -> None:
    verdict = Run(records=change(healthy_records(), "checkout", 0, 2, Outcome.CONTAINED)).verdict()
    assert verdict.result is Result.FAIL
    assert "checkout, fault: 96.66 % of 1,440 served" in said(verdict)


def test_marked_answers_are_a_success_only_where_they_are_promised() -> None:
    records = change(healthy_records(), "browse", 0, 60, Outcome.DEGRADED)
    assert Run(records=records).verdict().result is Result.FAIL
    promised = Hypothesis({"browse": Expect.MARKED})
    assert Run(records=records, hypothesis=promised).verdict().result is Result.PASS


def test_marks_that_stay_after_the_fault_fail_the_run() -> None:
    records = change(healthy_records(), "browse", 0, 130, Outcome.DEGRADED)
    verdict = Run(records=records, hypothesis=Hypothesis({"browse": Expect.MARKED})).verdict()
    assert "browse, recovery: healthy never seen since the end of the fault, bar 10 s." in said(verdict)


def test_slow_answers_of_others_fail_the_run() -> None:
    verdict = Run(records=change(healthy_records(), "orders", 5, 20, Outcome.OK, ms=180)).verdict()
    told = "orders, fault: 75 % of 1,440 within 100 ms (twice healthy p99, at least 100), at most 76.87 %, bar 99 %."
    assert said(verdict) == told


def test_an_experiment_may_say_from_where_on_p99_is_judged() -> None:
    records = change(healthy_records(), "orders", 5, 20, Outcome.OK, ms=180)
    assert Run(records=records, hypothesis=Hypothesis({}, p99_floor_ms=200)).verdict().result is Result.PASS
    late = Run(records=records, hypothesis=Hypothesis({}, p99_floor_ms=150)).verdict()
    assert said(late).startswith("orders, fault: 75 % of 1,440 within 150 ms (twice healthy p99, at least 150)")


def test_latency_is_held_against_twice_the_healthy_one() -> None:
    records = change(healthy_records(), "orders", -60, 0, Outcome.OK, ms=95)
    records = change(records, "orders", 0, 60, Outcome.OK, ms=180)
    assert Run(records=records).verdict().result is Result.PASS


def test_while_a_jvm_starts_only_success_is_judged() -> None:
    records = change(healthy_records(), "orders", 60, 70, Outcome.OK, ms=400)
    assert Run(records=records).verdict().result is Result.FAIL
    jvm = timeline(served_at=BEGAN + 139)
    assert Run(records=records, timeline=jvm).verdict().result is Result.PASS
    lost = change(healthy_records(), "orders", 60, 70, Outcome.FAILED)
    assert Run(records=lost, timeline=jvm).verdict().result is Result.FAIL


def test_answers_that_take_too_long_to_come_at_once_fail_the_run() -> None:
    run = elasticsearch_killed()
    late = change(run.records, "browse", 0, 5, Outcome.CONTAINED, ms=250)
    verdict = replace(run, records=late).verdict()
    assert "browse, fault: answers within 100 ms from 4.5 s on, bar 2.0 s at 20 calls/s." in said(verdict)
    assert "90 calls were caught before the breaker was open, bar 64 (bulkheads)." in said(verdict)


def test_another_answer_than_the_promised_one_fails_the_run() -> None:
    run = elasticsearch_killed()
    verdict = replace(run, records=change(run.records, "browse", 30, 31, Outcome.FAILED)).verdict()
    assert "browse, fault: 98.31 % of 1,190 answered as promised (stale), at most 98.88 %, bar 99.5 %." in said(verdict)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([], "No breaker of calls to elasticsearch was seen open during the fault, bar 2 s."),
        (breaker_open(4, 60), "The breaker of elasticsearch opened 2.5 s after the fault, bar 2 s."),
    ],
)
def test_a_breaker_that_opens_late_or_never_fails_the_run(samples: list, words: str) -> None:  # type: ignore[type-arg]
    assert words in said(replace(elasticsearch_killed(), samples=samples).verdict())


def test_recovery_after_more_than_ten_seconds_fails_the_run() -> None:
    run = elasticsearch_killed()
    verdict = replace(run, records=change(run.records, "browse", 60, 72, Outcome.CONTAINED)).verdict()
    assert "browse, recovery: healthy after 12 s since the end of the fault, bar 10 s." in said(verdict)


def test_recovery_of_a_restarted_jvm_counts_from_its_readiness() -> None:
    run = elasticsearch_killed()
    records = change(run.records, "browse", 60, 68, Outcome.DEGRADED)
    verdict = replace(run, records=records, timeline=timeline(served_at=BEGAN + 135)).verdict()
    assert next(row for row in verdict.rows if row.name == "browse").healthy_s == 3
    assert verdict.result is Result.PASS, said(verdict)


def test_differences_of_the_audit_fail_even_a_run_that_says_nothing() -> None:
    lagging = LoadFacts(10_000, 10_000, 80.0)
    verdict = Run(load=lagging, audit=(AuditLine("nothing is lost", 10, 1),)).verdict()
    assert verdict.result is Result.FAIL
    assert "“nothing is lost” has 1 differences, bar 0." in said(verdict)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (LoadFacts(10_000, 10_000, 51.0), "The load came 51 ms late (p99), bar 50 ms"),
        (LoadFacts(10_000, 9_899, 1.0), "The load sent 98.99 % of its plan, bar 99 %."),
        (LoadFacts(10_000, 10_000, 1.0, ended=False), "The load generator ended before the run did."),
    ],
)
def test_a_generator_that_could_not_keep_up_makes_the_run_inconclusive(load: LoadFacts, words: str) -> None:
    failed = change(healthy_records(), "cart", 0, 60, Outcome.FAILED)
    verdict = Run(records=failed, load=load).verdict()
    assert verdict.result is Result.INCONCLUSIVE
    assert verdict.result.exit_code == 2
    assert words in said(verdict)


def test_too_few_requests_are_inconclusive() -> None:
    fewer = [one for one in healthy_records() if one.journey != "cancel"]
    verdict = Run(records=fewer).verdict()
    assert verdict.result is Result.INCONCLUSIVE
    assert "cancel, healthy: 0 requests are too few to judge, bar 300." in said(verdict)


def test_what_the_sample_neither_shows_nor_refutes_is_open() -> None:
    """Five of 1,440 were lost: 99.65 %, and the true share may be below 99.5 %."""
    verdict = Run(records=change(healthy_records(), "orders", 10, 10.2, Outcome.FAILED)).verdict()
    assert verdict.result is Result.INCONCLUSIVE
    assert said(verdict) == "orders, fault: 99.65 % of 1,440 served, bar 99.5 %: 660 more good ones would show it."


def test_what_was_well_after_the_fault_does_not_make_up_for_what_was_lost_in_it() -> None:
    lost = change(healthy_records(), "orders", 10, 11, Outcome.FAILED)  # 24 of 1,440 in the fault
    assert Run(records=lost).verdict().result is Result.FAIL


def test_a_shop_that_answers_everybody_with_503_yields_nothing() -> None:
    run = elasticsearch_killed()
    refusing = change(run.records, "browse", 0, 60, Outcome.CONTAINED, ms=8)
    verdict = replace(run, records=refusing).verdict()
    assert verdict.result is Result.FAIL
    assert "browse, fault: 0 % of 1,200 answered and not with 503, at most 0.24 %, bar 70 %." in said(verdict)


def test_the_quick_form_has_bars_that_its_sample_can_show() -> None:
    for journey, count in QUICK_COUNTS.items():
        assert decide(count, count, QUICK_BARS.served[journey]).shown is Shown.SHOWN, journey
        assert decide(count // 3, count, QUICK_BARS.served[journey]).shown is Shown.REFUTED, journey


def test_a_shop_that_was_not_well_before_says_nothing_about_the_fault() -> None:
    verdict = Run(records=change(healthy_records(), "cart", -20, -10, Outcome.FAILED)).verdict()
    assert verdict.result is Result.INCONCLUSIVE
    assert "cart, healthy: 83.33 % of 1,200 served, bar 99.5 %: it was not well before." in said(verdict)


def test_a_run_stopped_by_its_abort_condition_failed() -> None:
    stopped = replace(timeline(), spans=timeline().spans[:3], aborted="cart had 60 % for 5 s and needs no kafka")
    verdict = Run(timeline=stopped).verdict()
    assert verdict.result is Result.FAIL
    assert "Stopped: cart had 60 % for 5 s and needs no kafka." in said(verdict)


def test_a_run_that_ended_early_is_inconclusive() -> None:
    verdict = Run(timeline=replace(timeline(), spans=timeline().spans[:3])).verdict()
    assert verdict.result is Result.INCONCLUSIVE
    assert "without its phase after" in said(verdict)


def test_polite_refusals_of_what_was_served_before_fail_the_run() -> None:
    verdict = Run(records=change(healthy_records(), "browse", 0, 60, Outcome.REFUSED)).verdict()
    assert said(verdict) == "browse, fault: 100 % refused, bar 1 % (healthy and 1 %)."


def test_cards_that_are_meant_to_be_declined_are_no_refusals_of_the_shop() -> None:
    changed = change(healthy_records(), "checkout", 0, 60, Outcome.REFUSED)
    asked = [replace(one, code=DECLINED) if one.outcome is Outcome.REFUSED else one for one in changed]
    assert Run(records=asked).verdict().result is Result.PASS
    assert Run(records=changed).verdict().result is Result.FAIL


def test_one_call_of_a_journey_may_be_promised_something_else() -> None:
    records = change(healthy_records(), "cart", 0, 60, Outcome.CONTAINED, ms=5)
    views = [record("cart", one.intended, call="view") for one in healthy_records() if one.journey == "cart"]
    hypothesis = Hypothesis({"cart": Expect.UNAVAILABLE, "cart/view": Expect.AS_HEALTHY})
    verdict = Run(records=[*records, *views], hypothesis=hypothesis).verdict()
    assert verdict.result is Result.PASS, said(verdict)
    by_name = {row.name: row.phases[Phase.FAULT] for row in verdict.rows}
    assert (by_name["cart"].contained, by_name["cart/view"].success) == (1200, 1200)


def test_a_request_under_way_when_the_fault_struck_belongs_to_the_fault() -> None:
    fault = timeline().span(Phase.FAULT)
    assert fault is not None
    caught = record("account", fault.began - 0.5, Outcome.FAILED, ms=2000)
    row = next(row for row in Run(records=[*healthy_records(), caught]).verdict().rows if row.name == "account")
    assert (row.phases[Phase.HEALTHY].requests, row.phases[Phase.FAULT].failed) == (0, 1)


def test_time_at_a_dead_port_is_the_clients_and_a_503_is_the_shops() -> None:
    at_the_other = replace(record("cart", BEGAN, ms=2030), first_outcome=Outcome.FAILED, first_ms=2000, attempts=2)
    assert [round(one.ms) for one in see([at_the_other], JudgedBy.FINAL)] == [30]
    shed = replace(at_the_other, first_outcome=Outcome.CONTAINED)
    assert [round(one.ms) for one in see([shed], JudgedBy.FINAL)] == [2030]


def test_whoever_finds_one_gateway_dead_is_judged_by_the_other_ones_answer() -> None:
    records = [
        replace(one, first_outcome=Outcome.FAILED) if one.journey == "cart" else one for one in healthy_records()
    ]
    assert Run(records=records).verdict(JudgedBy.FIRST).result is not Result.PASS
    assert Run(records=records).verdict(JudgedBy.FINAL).result is Result.PASS


def at_both_ports(late_until_s: float) -> list[Record]:
    """Every second answer is gateway-1's; its come late and marked from the last second of the fault on."""
    fault = timeline().span(Phase.FAULT)
    assert fault is not None
    records = [replace(one, gateway=number % 2) for number, one in enumerate(healthy_records())]
    return [
        replace(one, ended=one.ended + 0.9, outcome=Outcome.DEGRADED)
        if one.gateway == 0 and fault.ended - 1 < one.intended < fault.ended + late_until_s
        else one
        for one in records
    ]


def test_what_a_paused_gateway_answers_itself_has_ten_seconds_to_be_well_again() -> None:
    hypothesis = catalogue.find("gateway-1-paused").hypothesis(200)
    soon, late = (Run(records=at_both_ports(until), hypothesis=hypothesis) for until in (5, 15))
    assert soon.verdict(JudgedBy.FINAL).result is Result.FAIL
    assert soon.verdict(JudgedBy.FINAL, "gateway-1").result is Result.PASS
    findings = late.verdict(JudgedBy.FINAL, "gateway-1").findings
    assert {finding.text.partition(":")[0] for finding in findings} >= {
        "browse/at gateway-1, recovery",
        "browse/at gateway-1, after",
    }
    assert not any("at gateway-1" not in finding.text for finding in findings)


def test_the_other_gateway_is_judged_as_healthy_throughout() -> None:
    hypothesis = catalogue.find("gateway-1-slow").hypothesis(200)
    records = [replace(one, gateway=1) for one in change(healthy_records(), "browse", 0, 5, Outcome.OK, ms=900)]
    findings = Run(records=records, hypothesis=hypothesis).verdict(JudgedBy.FINAL, "gateway-1").findings
    assert [finding.text.partition(":")[0] for finding in findings] == ["browse, fault"]


def test_under_too_much_load_goodput_must_hold_and_checkout_be_the_last_to_suffer() -> None:
    everything = dict.fromkeys(("browse", "cart", "checkout", "recommendations"), Expect.BEST_EFFORT)
    shed = change(healthy_records(), "recommendations", 0, 60, Outcome.CONTAINED)
    shed = change(shed, "browse", 0, 20, Outcome.CONTAINED)
    enough = Run(records=shed, hypothesis=Hypothesis(everything, goodput_per_s=104.0)).verdict()
    assert enough.result is Result.PASS, said(enough)
    too_little = Run(records=shed, hypothesis=Hypothesis(everything, goodput_per_s=106.0)).verdict()
    assert said(too_little) == "All, fault: 105.3 served a second, bar 106.0."
    back = [
        replace(one, outcome=Outcome.OK, ended=one.ended + 2) if one.first_outcome is Outcome.CONTAINED else one
        for one in shed
    ]
    came_back = Run(records=back, hypothesis=Hypothesis(everything, goodput_per_s=106.0)).verdict()
    assert came_back.result is Result.PASS, said(came_back)
    assert came_back.overload is not None
    assert round(came_back.overload.at_once_per_s, 1) == 105.3
    unfair = change(shed, "checkout", 0, 40, Outcome.CONTAINED)
    verdict = Run(records=unfair, hypothesis=Hypothesis(everything, goodput_per_s=10.0)).verdict()
    assert "checkout, fault: 33.3% served, browse 66.7%, bar: the last to suffer." in said(verdict)
