"""Who gets the turn to restart, and who does not."""

import time

import pytest
from ceph_iscsi import turns
from charmhelpers.core import hookenv

A, B, C = (f"ceph-iscsi/{number}" for number in range(3))
NOW = 1_800_000_000


def turn(unit, request, since=NOW, **late):
    return {"unit": unit, "request": request, "since": since, "late": late.get("late", {})}


def test_nobody_who_does_not_ask_has_a_turn():
    assert turns.next_turn({}, {}, NOW) == {}


def test_first_come_first_served():
    asked = {A: "200.5", B: "30.1", C: "100"}
    assert turns.next_turn({}, asked, NOW) == turn(B, "30.1")


def test_at_the_same_moment_the_name_decides():
    assert turns.next_turn({}, {B: "30", A: "30"}, NOW)["unit"] == A


def test_a_turn_is_its_units_until_that_gives_it_back():
    now = turn(B, "30")
    assert turns.next_turn(now, {A: "20", B: "30"}, NOW + turns.LIMIT - 1) == now
    assert turns.next_turn(now, {A: "20"}, NOW) == turn(A, "20")


def test_a_unit_that_asks_anew_has_given_its_turn_back():
    assert turns.next_turn(turn(B, "30"), {A: "50", B: "60"}, NOW)["unit"] == A


def test_a_unit_that_is_gone_loses_its_turn():
    assert turns.next_turn(turn(B, "30"), {C: "40"}, NOW)["unit"] == C
    assert turns.next_turn(turn(B, "30"), {}, NOW) == {}


def test_a_turn_that_runs_out_goes_to_the_next_and_its_unit_to_the_end():
    late = NOW + turns.LIMIT
    after = turns.next_turn(turn(A, "10"), {A: "10", B: "20", C: "30"}, late)
    assert after == turn(B, "20", late, late={A: "10"})
    after = turns.next_turn(after, {A: "10", C: "30"}, late)
    assert after == turn(C, "30", late, late={A: "10"})
    assert turns.next_turn(after, {A: "10"}, late)["unit"] == A


def test_a_late_unit_that_asks_anew_is_not_late():
    state = turn(B, "20", late={A: "10"})
    assert turns.next_turn(state, {A: "15", C: "30"}, NOW) == turn(A, "15")


def test_a_leader_whose_clock_is_behind_takes_nothing_away():
    now = turn(B, "30", since=NOW + 500)
    assert turns.next_turn(now, {A: "20", B: "30"}, NOW) == now


class Peers:
    """The peer relation's data bags, as the endpoint of one unit shows them."""

    def __init__(self, unit):
        self.unit = unit
        self.restart_requests = {}
        self.restart_turn = {}
        self.written = []

    def request_restart(self, request):
        self.restart_requests[self.unit] = request

    def withdraw_restart_request(self):
        self.restart_requests.pop(self.unit, None)

    def set_restart_turn(self, turn):
        self.restart_turn = turn
        self.written.append(turn.get("unit"))


@pytest.fixture
def peers(hook, monkeypatch):
    """The peers of ceph-iscsi/0, which is the leader unless told otherwise."""
    monkeypatch.setattr(hookenv, "is_leader", lambda: peers.leader)
    monkeypatch.setattr(time, "time", lambda: float(NOW))
    peers = Peers(A)
    peers.leader = True
    return peers


def test_a_leader_has_its_turn_in_the_hook_in_which_it_asks(peers):
    assert turns.ask(peers) is True
    turns.give_back(peers)
    assert (peers.restart_requests, peers.restart_turn) == ({}, {})


def test_a_leader_waits_for_its_turn_as_others_do(peers):
    peers.restart_requests[B] = "20"
    peers.restart_turn = turn(B, "20")
    assert turns.ask(peers) is False
    del peers.restart_requests[B]
    assert turns.ask(peers) is True


def test_a_leader_that_is_done_hands_the_turn_on_at_once(peers):
    turns.ask(peers)
    peers.restart_requests[B] = str(NOW + 1)
    turns.give_back(peers)
    assert peers.written == [A, B]


def test_another_unit_asks_once_and_has_its_turn_when_the_leader_says_so(peers, monkeypatch):
    peers.leader = False
    assert turns.ask(peers) is False
    request = peers.restart_requests[A]
    monkeypatch.setattr(time, "time", lambda: NOW + 60.0)
    assert turns.ask(peers) is False
    assert peers.restart_requests[A] == request
    peers.restart_turn = turn(A, request)
    assert turns.ask(peers) is True
    assert peers.written == []


def test_a_turn_of_an_earlier_request_is_none(peers):
    peers.leader = False
    peers.restart_turn = turn(A, "5")
    assert turns.ask(peers) is False


def test_the_leader_writes_only_what_has_changed(peers):
    turns.hand_out(peers)
    peers.restart_requests[B] = "20"
    turns.hand_out(peers)
    turns.hand_out(peers)
    assert peers.written == [B]


def test_without_turns_in_the_interface_restarts_are_immediate(hook):
    assert turns.ask(object()) is True
    turns.give_back(object())
