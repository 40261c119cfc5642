%% Rows whose terms a careless copy would change: 1 and 1.0, big integers, maps, bit strings,
%% improper lists, and handles that are dead after a restart.
-module(erlmcp_sample_terms).

-export([rows/1]).

-spec rows(atom()) -> [tuple()].
rows(erlmcp_terms) ->
    [
        {1, integer_one},
        {1.0, float_one},
        {0.0, positive_zero},
        {-0.0, negative_zero},
        {1.0e-300, tiny},
        {1.7976931348623157e308, huge},
        {1 bsl 64, -(1 bsl 64)},
        {1 bsl 2100, -(1 bsl 2100)},
        {<<>>, <<0:800>>},
        {<<1:3>>, <<5:11>>},
        {[], {}},
        {[1 | 2], [[], [[]], "čšž"]},
        {"string", 'atom with spaces'},
        {'жаргон', <<"日本語"/utf8>>},
        {{nested, {tuple, {deep, [#{}]}}}, #{}},
        {#{a => 1, <<"b">> => 2.0, 3 => [c]}, small_map},
        {map_of_100, maps:from_list([{I, I * I} || I <- lists:seq(1, 100)])},
        {map_atoms, maps:from_list([{list_to_atom([L]), L} || L <- lists:seq($a, $z)])},
        {map_numbers, #{1 => integer, 1.0 => float}},
        {long_list, lists:seq(1, 5000)},
        {long_binary, binary:copy(<<"0123456789abcdef">>, 65536)},
        {wide_tuple, list_to_tuple(lists:seq(1, 300))}
    ];
rows(erlmcp_terms_ordered) ->
    %% In an ordered set 1 and 1.0 are one key: the second insert replaces the first.
    [
        {1, integer_one}, {2.0, float_two}, {atom, a}, {{1, 2}, tuple}, {[1, 2], list},
        {<<"binary">>, b}, {#{k => v}, map}, {1 bsl 80, big}, {-3, negative}, {[], nil}
    ];
rows(erlmcp_handles) ->
    [
        {self, self()},
        {{registered, kernel_sup}, whereis(kernel_sup)},
        {reference, make_ref()},
        {port, hd(erlang:ports())},
        {local_fun, fun(X) -> {X, self()} end},
        {external_fun, fun lists:map/2},
        {list_of_pids, [self(), [self()]]},
        {map_with_ref, #{make_ref() => value, deep => {[self()]}}},
        {counter, atomics:new(1, [])},
        {table, ets:new(erlmcp_private_handle, [private])},
        {plain, "a row without any handle"}
    ].
