from collections import Counter

import pytest

from tests.gpu.hlo import loops, opcode

# As XLA:GPU writes it, with what does not matter left out.
PROGRAM = """\
HloModule cluster, is_scheduled=true, entry_computation_layout={(f32[8]{0})->f32[8]{0}}

%fused_computation (param_0: f32[8]) -> f32[8] {
  %param_0 = f32[8]{0} parameter(0)
  ROOT %add.1 = f32[8]{0} add(%param_0, %param_0)
}

%command_buffer (p: f32[8]) -> f32[8] {
  %p = f32[8]{0} parameter(0)
  %fusion.1 = f32[8]{0} fusion(%p), kind=kLoop, calls=%fused_computation
  ROOT %cublas = (f32[8]{0}, s8[4]{0}) custom-call(%fusion.1), custom_call_target="__cublas$gemm"
}

%inner (arg: (s32[], f32[8])) -> (s32[], f32[8]) {
  %arg = (s32[], /*index=1*/f32[8]{0}) parameter(0)
  %get-tuple-element.1 = f32[8]{0} get-tuple-element(%arg), index=1
  %copy.1 = f32[8]{0} copy(%get-tuple-element.1)
  %call = f32[8]{0} call(%copy.1), to_apply=%command_buffer
  ROOT %tuple.1 = (s32[], f32[8]{0}) tuple(%copy.1, %call)
}

%outer (arg.1: (s32[], f32[8])) -> (s32[], f32[8]) {
  %arg.1 = (s32[], f32[8]{0}) parameter(0)
  ROOT %while.1 = (s32[], /*index=1*/f32[8]{0}) while(%arg.1), condition=%c, body=%inner, TRIPS
}

ENTRY %main (x: f32[8]) -> f32[8] {
  %x = f32[8]{0} parameter(0)
  %while.2 = (s32[], f32[8]{0}) while(%x), condition=%c, body=%outer
  ROOT %out = f32[8]{0} get-tuple-element(%while.2), index=1
}
"""
KNOWN = 'backend_config={"known_trip_count":{"n":"50"}}'


@pytest.mark.parametrize(("config", "trips"), [(KNOWN, 50), ("metadata={}", None)])
def test_the_innermost_loop_tells_its_turns_and_what_one_starts(config, trips):
    (loop,) = loops(PROGRAM.replace("TRIPS", config))
    assert (loop.body, loop.trip_count, loop.total, loop.in_graphs) == ("inner", trips, 3, 2)
    assert loop.started == Counter({"copy": 1, "fusion": 1, "custom-call": 1})


def test_names_without_a_percent_sign_are_read_too():
    (loop,) = loops(PROGRAM.replace("%", "").replace("TRIPS", KNOWN))
    assert (loop.body, loop.trip_count, loop.total) == ("inner", 50, 3)


def test_a_program_without_a_loop_has_none():
    assert loops(PROGRAM.replace("while(", "copy(")) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("  %a.1 = f32[] add(%b, %c)", "add"),
        ("  ROOT %t = (f32[], /*index=5*/s32[2]{0}) custom-call(%b)", "custom-call"),
        ("  a = pred[] compare(b, c), direction=LT", "compare"),
        ("}", None),
    ],
)
def test_an_instruction_is_told_by_its_name(line, code):
    assert opcode(line) == code
