%% Starts and stops the writers and says what they achieve.
-module(erlmcp_sample_writer).
-behaviour(gen_server).

-export([start_link/0, begin_writing/0, quiesce/0, resume/2, state/0, stats/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TICK_MS, 1000).
-define(NO_LIMIT, 0).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Called once the tables are there. What is counted counts from here.
begin_writing() ->
    ok = resume(erlmcp_sample_config:get(writers), erlmcp_sample_config:get(tps)),
    _ = stats(true),
    ok.

%% Returns when no transaction runs and every update of ETS and DETS has been done.
quiesce() ->
    gen_server:call(?MODULE, quiesce, infinity).

resume(Writers, Tps) ->
    gen_server:call(?MODULE, {resume, Writers, Tps}, infinity).

state() ->
    gen_server:call(?MODULE, state, infinity).

%% Since the writers began or the last reset.
stats(Reset) ->
    gen_server:call(?MODULE, {stats, Reset}, infinity).

init([]) ->
    ok = erlmcp_sample_stats:open(),
    {ok, _} = timer:send_interval(?TICK_MS, tick),
    Snapshot = erlmcp_sample_stats:read(),
    Now = erlang:monotonic_time(millisecond),
    %% After a crash of this process the workers of its predecessor go on; a new beginning.
    ok = erlmcp_sample_worker_sup:end_workers(),
    erlmcp_sample_loader:ready() andalso gen_server:cast(self(), begin_again),
    {ok, #{
        writers => 0, tps => 0, rate => 0.0,
        tick => {Now, Snapshot}, baseline => {Now, Snapshot}
    }}.

handle_call(quiesce, _From, State) ->
    ok = quiet(),
    {reply, ok, State#{writers := 0, tps := 0}};
handle_call({resume, Writers, Tps}, _From, State) ->
    {reply, ok, begin_workers(Writers, Tps, State)};
handle_call(state, _From, State) ->
    {reply, maps:with([writers, tps, rate], State), State};
handle_call({stats, Reset}, _From, #{baseline := {Then, Before}} = State) ->
    Now = erlang:monotonic_time(millisecond),
    Snapshot = erlmcp_sample_stats:read(),
    #{transactions := Done} = Stats = erlmcp_sample_stats:since(Before, Snapshot),
    Seconds = max(Now - Then, 1) / 1000,
    Reply = Stats#{seconds => Seconds, tps => Done / Seconds},
    case Reset of
        true -> {reply, Reply, State#{baseline := {Now, Snapshot}}};
        false -> {reply, Reply, State}
    end.

handle_cast(begin_again, State) ->
    Writers = erlmcp_sample_config:get(writers),
    {noreply, begin_workers(Writers, erlmcp_sample_config:get(tps), State)}.

handle_info(tick, #{tick := {Then, Before}} = State) ->
    Now = erlang:monotonic_time(millisecond),
    Snapshot = erlmcp_sample_stats:read(),
    #{transactions := Done} = erlmcp_sample_stats:since(Before, Snapshot),
    {noreply, State#{tick := {Now, Snapshot}, rate := Done * 1000 / max(Now - Then, 1)}}.

begin_workers(Writers, Tps, State) when Writers =:= 0; Tps =:= 0 ->
    ok = quiet(),
    State#{writers := 0, tps := 0};
begin_workers(Writers, Tps, State) ->
    ok = quiet(),
    ok = erlmcp_sample_worker_sup:begin_workers(Writers, pace(Writers, Tps)),
    logger:notice("~b writers, ~p transactions a second", [Writers, Tps]),
    State#{writers := Writers, tps := Tps}.

pace(_Writers, unlimited) -> ?NO_LIMIT;
pace(Writers, Tps) -> Writers * 1000000 div Tps.

quiet() ->
    ok = erlmcp_sample_worker_sup:end_workers(),
    ok = erlmcp_sample_ets:sync(),
    ok = erlmcp_sample_dets:sync().
