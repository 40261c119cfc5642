%% A process outside OTP's behaviours that owns tables: it knows no system messages, so nothing can
%% ask it for its tables but by its own protocol.
-module(erlmcp_sample_plain).

-export([start_link/0, call/1]).

start_link() ->
    Starter = self(),
    Pid = spawn_link(fun() -> init(Starter) end),
    receive
        {Pid, ready} -> {ok, Pid}
    end.

call(Request) ->
    Monitor = monitor(process, ?MODULE),
    ?MODULE ! {Request, self(), Monitor},
    receive
        {Monitor, Reply} ->
            demonitor(Monitor, [flush]),
            Reply;
        {'DOWN', Monitor, process, _, Reason} ->
            error({owner_down, Reason})
    end.

init(Starter) ->
    true = register(?MODULE, self()),
    Specs = [
        {erlmcp_plain_private, [named_table, private, set], 100},
        {erlmcp_plain_ordered, [named_table, protected, ordered_set], 100},
        {erlmcp_plain_bag, [private, bag], 100}
    ],
    [erlmcp_sample_tables:create_ets(Spec) || Spec <- Specs],
    Starter ! {self(), ready},
    loop().

loop() ->
    receive
        {{digest, Table}, From, Ref} ->
            From ! {Ref, erlmcp_sample_digest:ets(Table)},
            loop()
    end.
