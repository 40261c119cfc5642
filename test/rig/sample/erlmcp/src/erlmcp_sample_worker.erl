%% One writer: transfers between accounts in Mnesia transactions, every tenth of them with an
%% update of ETS and DETS. It ends between two transactions, never inside one.
-module(erlmcp_sample_worker).

-export([start_link/2, init/2]).

-define(TOUCH_EVERY, 10).

start_link(Index, Pace) ->
    proc_lib:start_link(?MODULE, init, [Index, Pace]).

init(Index, Pace) ->
    process_flag(trap_exit, true),
    _ = rand:seed(exsss, {erlmcp_sample_config:seed(), Index, 1}),
    proc_lib:init_ack({ok, self()}),
    loop(0, Pace, now_us() + Pace).

loop(Count, Pace, Due) ->
    receive
        {'EXIT', _, Reason} -> exit(Reason)
    after wait_ms(Pace, Due) ->
        Begun = now_us(),
        Outcome = transfer(),
        erlmcp_sample_stats:count(Outcome, now_us() - Begun),
        Count rem ?TOUCH_EVERY =:= 0 andalso touch(),
        %% A worker that fell behind doesn't catch up in a burst.
        loop(Count + 1, Pace, max(Due + Pace, Begun))
    end.

wait_ms(0, _Due) -> 0;
wait_ms(_Pace, Due) -> max(0, (Due - now_us()) div 1000).

%% Three of four stay among the accounts, on disc; the fourth is between memory and disc.
transfer() ->
    Rows = max(erlmcp_sample_config:get(rows), 1),
    Side = max(erlmcp_sample_config:get(side_rows), 1),
    From = {account, rand:uniform(Rows)},
    To =
        case rand:uniform(4) of
            1 -> {wallet, rand:uniform(Side)};
            _ -> {account, rand:uniform(Rows)}
        end,
    Amount = rand:uniform(10) - 5,
    case mnesia:transaction(fun() -> move(From, To, Amount) end) of
        {atomic, _} -> done;
        {aborted, _} -> aborted
    end.

%% Both tables hold the balance in their fourth element. A row that is gone leaves all as it is.
move(Same, Same, _Amount) ->
    ok;
move({FromTable, FromId}, {ToTable, ToId}, Amount) ->
    case {mnesia:read(FromTable, FromId, write), mnesia:read(ToTable, ToId, write)} of
        {[From], [To]} ->
            ok = mnesia:write(setelement(4, From, element(4, From) - Amount)),
            ok = mnesia:write(setelement(4, To, element(4, To) + Amount));
        _ ->
            ok
    end.

touch() ->
    ok = erlmcp_sample_ets:touch(rand:uniform(max(erlmcp_sample_config:get(ets_rows), 1))),
    ok = erlmcp_sample_dets:touch(rand:uniform(max(erlmcp_sample_config:get(dets_rows), 1))).

now_us() -> erlang:monotonic_time(microsecond).
