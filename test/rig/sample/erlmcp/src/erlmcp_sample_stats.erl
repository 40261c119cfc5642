%% Counts transactions and their latencies without a process: a histogram of atomic counters.
%% A bucket is an eighth of a power of two wide, so a percentile is exact to 12.5 %.
-module(erlmcp_sample_stats).

-export([open/0, count/2, read/0, since/2]).

-define(SUB, 8).
-define(BUCKETS, 256).
-define(DONE, ?BUCKETS + 1).
-define(ABORTED, ?BUCKETS + 2).

-spec open() -> ok.
open() ->
    persistent_term:put(?MODULE, counters:new(?ABORTED, [write_concurrency])).

-spec count(done | aborted, non_neg_integer()) -> ok.
count(Outcome, Micros) ->
    Counters = persistent_term:get(?MODULE),
    counters:add(Counters, 1 + bucket(Micros), 1),
    counters:add(Counters, outcome(Outcome), 1).

%% A snapshot to subtract from a later one.
-spec read() -> tuple().
read() ->
    Counters = persistent_term:get(?MODULE),
    list_to_tuple([counters:get(Counters, Index) || Index <- lists:seq(1, ?ABORTED)]).

%% What happened between two snapshots; latencies in microseconds, upper ends of their buckets.
-spec since(tuple(), tuple()) -> map().
since(Before, After) ->
    Differences = [
        A - B
     || {A, B} <- lists:zip(tuple_to_list(After), tuple_to_list(Before))
    ],
    {Buckets, [Done, Aborted]} = lists:split(?BUCKETS, Differences),
    Total = lists:sum(Buckets),
    #{
        transactions => Done,
        aborted => Aborted,
        latency_us => #{
            p50 => percentile(Buckets, Total, 0.50),
            p95 => percentile(Buckets, Total, 0.95),
            p99 => percentile(Buckets, Total, 0.99),
            max => percentile(Buckets, Total, 1.0)
        }
    }.

percentile(_Buckets, 0, _Share) -> null;
percentile(Buckets, Total, Share) -> find(Buckets, 0, ceil(Total * Share)).

find([Count | Rest], Index, Wanted) when Count < Wanted, Rest =/= [] ->
    find(Rest, Index + 1, Wanted - Count);
find(_, Index, _Wanted) ->
    upper(Index).

outcome(done) -> ?DONE;
outcome(aborted) -> ?ABORTED.

bucket(Micros) when Micros < ?SUB -> Micros;
bucket(Micros) ->
    Power = bits(Micros) - 1,
    Shift = Power - 3,
    min((Power - 2) * ?SUB + ((Micros bsr Shift) band (?SUB - 1)), ?BUCKETS - 1).

upper(Index) when Index < ?SUB -> Index;
upper(Index) ->
    Shift = Index div ?SUB - 1,
    (((Index rem ?SUB) + ?SUB + 1) bsl Shift) - 1.

bits(0) -> 0;
bits(Value) -> 1 + bits(Value bsr 1).
